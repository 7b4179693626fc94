"""Road users: vehicles, riders, pedestrians."""
