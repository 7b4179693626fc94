"""A procedural, seeded road world, as meshes."""
