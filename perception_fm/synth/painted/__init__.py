"""Surfaces with a picture on them: painted walls, prints, mirrors, road paintings."""
