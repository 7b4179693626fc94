"""The ground: the road with all that lies on it, junctions, tunnels, land."""
