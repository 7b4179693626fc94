"""Synthetic drives with known truth: painted walls pasted into real clips, and a small world of textured planes."""
