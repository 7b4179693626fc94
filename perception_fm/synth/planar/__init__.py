"""A light exact renderer of textured planes, without OpenGL, for tests of the core and for benchmarks."""
