"""Rigid transforms and ego motion: the geometry that every stage shares."""
