"""What stands and drives where."""
