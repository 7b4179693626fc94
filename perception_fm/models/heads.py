"""The contract of every model file: one input, and which outputs there may be, by name."""

from __future__ import annotations

from dataclasses import dataclass

INPUT = "image"
"""(N, H, W, 3) uint8, BGR as OpenCV has it, letterboxed. Normalisation is inside the graph."""


@dataclass(frozen=True)
class Head:
    """One output (N, [channels,] h, w), h = H / output_stride: `dtype` of the file's output."""

    name: str
    dtype: str
    channels: int | None
    meaning: str


HEADS = {
    head.name: head
    for head in (
        Head("depth", "float32", None, "m along optical z, as if fx of the model input were canonical_focal_px"),
        Head("depth_log_variance", "float32", None, "variance of ln(depth), as its natural logarithm"),
        Head("label", "int32", None, "index into class_names with the highest probability"),
        Head("confidence", "float32", None, "probability of that label, softmax(logits / temperature), 0 to 1"),
        Head("normals", "float32", 3, "unit surface normal, optical frame (x right, y down, z forward), to the camera"),
        Head("painted", "float32", None, "probability that the surface carries a print, 0 to 1"),
    )
}
"""Every name that a model file may put out. `depth_log_variance` needs `depth`, `confidence` needs `label`."""
