"""Camera perception for vehicles: depth, obstacles, free space and fake walls from one foundation model."""

__version__ = "0.1.0"
