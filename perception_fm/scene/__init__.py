"""What stands where: labelled points, obstacles, and space that is free, occupied or unknown."""
