"""Motion of the image: feature tracks, ego motion, road plane, and the expansion test along the path."""
