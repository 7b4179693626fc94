"""Painted walls pasted into real clips with known poses."""
