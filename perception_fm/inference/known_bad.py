"""Versions of TensorRT that were reported to give wrong answers for transformers, with the reports."""

from __future__ import annotations

from dataclasses import dataclass

_REPORTS = "https://github.com/NVIDIA/TensorRT/issues/"


@dataclass(frozen=True)
class KnownBad:
    """`version`: major and minor. `report`: what was seen, on what. `good`: a version reported to be right."""

    version: tuple[int, int]
    report: str
    good: str
    source: str


KNOWN_BAD = (
    KnownBad((10, 3), "transformers with free dimensions give other outputs than 10.8; NVIDIA: a bug of 10.3 fixed"
             " later", "10.5", _REPORTS + "4419"),
    KnownBad((10, 3), "DINOv3 ViT-B in FP16 segments nearly the whole image as one class", "8.6.1", _REPORTS + "4723"),
    KnownBad((10, 3), "DINOv3 ViT-S in FP32 on Jetson AGX Orin: mean absolute difference 0.42", "", _REPORTS + "4558"),
    KnownBad((10, 3), "the depth scale of Depth Anything V3 jumps between frames on Jetson with JetPack 6.2", "10.16.1",
             "https://github.com/ika-rwth-aachen/ros2-depth-anything-v3-trt/issues/16"),
    KnownBad((10, 3), "Depth Anything V2 is wrong on Jetson AGX Orin", "10.12",
             "https://github.com/spacewalk01/depth-anything-tensorrt/issues/49"),
    KnownBad((10, 4), "DINOv3 ViT-B in FP32 on RTX A6000 is unlike its reference (cosine 0.018), in FP16 NaN", "",
             _REPORTS + "4742"),
    KnownBad((10, 4), "OpenCLIP is off; 10.7 as well", "10.8", _REPORTS + "4334"),
    KnownBad((10, 7), "OpenCLIP is off", "10.8", _REPORTS + "4334"),
)  # fmt: skip
"""Of the library `tensorrt` alone; JetPack 6.2 brings 10.3. Networks without attention are not among the reports."""


def known_bad(library: str, version: str) -> tuple[KnownBad, ...]:
    """The reports about one library and version, as in `tensorrt` and `10.3.0.30`; none: nothing is known, not good."""
    parts = version.split(".")
    if library != "tensorrt" or len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        return ()
    return tuple(entry for entry in KNOWN_BAD if entry.version == (int(parts[0]), int(parts[1])))


def known_bad_line(library: str, version: str) -> str:
    """One line for a warning or a refusal: what was reported, where, and which version helps; "" for none."""
    entries = known_bad(library, version)
    if not entries:
        return ""
    first, *others = entries
    more = f" and {len(others)} more reports" if others else ""
    good = [entry.good for entry in entries if entry.good.startswith("1")]
    mend = f"; for these networks {', '.join(good)} was right" if good else ""
    return f"TensorRT {version} is known for wrong answers: {first.report} ({first.source}{more}){mend}"
