"""What stands beside the road, and over it."""
