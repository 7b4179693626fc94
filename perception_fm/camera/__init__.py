"""Camera geometry and image integrity: calibration, rectification, letterbox, checks of the picture itself."""
