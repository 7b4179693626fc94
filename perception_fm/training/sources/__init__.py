"""Data sets: every kind of folder as numbered samples."""
