"""OpenGL over EGL: pictures and exact ground truth of a scene."""
