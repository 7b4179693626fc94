"""Naming a painted wall: something upright is in the path, and something claims that nothing is."""
