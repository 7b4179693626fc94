"""From radiance to the picture that a vehicle camera delivers."""
