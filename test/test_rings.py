"""Imports point inwards only, and each heavy library is imported in its own place only."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "perception_fm"
CORE = {
    "types", "dense", "depth_error", "errors", "config", "pipeline", "frame_result", "fusion", "network_stage",
    "camera", "geometry", "motion", "scene", "fakewall",
}  # fmt: skip
ADAPTERS = {"inference", "models", "training", "synth", "bags", "evaluation", "visual"}
EDGE = {"ros", "cli"}
MAY_IMPORT = {"core": CORE, "adapter": CORE | ADAPTERS, "edge": CORE | ADAPTERS | EDGE}
CORE_LIBRARIES = {"numpy", "cv2", "scipy", "yaml"}
# Library -> the rooms or modules that may import it.
HOMES = {
    "av": ("bags.video", "visual.video"),
    "click": ("cli",),
    "cv_bridge": ("ros.images",),
    "jinja2": ("evaluation.report", "models.model_card"),
    "launch": (),
    "lightning": ("training",),
    "embreex": (),
    "glcontext": (),
    "mapbox_earcut": ("synth.world.ground.plan",),
    "matplotlib": ("visual.plots",),
    "moderngl": ("synth.render.context",),
    "cuda": ("inference.tensorrt_",),
    "efficientnet_lite_pytorch": ("models",),
    "huggingface_hub": ("models",),
    "onnx": ("models", "training", "inference"),
    "onnxslim": ("models",),
    "onnxruntime": ("inference.onnxruntime_", "models.precision", "models.quantise"),
    "ray": ("evaluation.fake_wall_benchmark.many_drives",),
    "rclpy": ("ros", "cli.replay"),
    "rosbags": ("bags", "ros.images", "ros.replay"),
    "shapely": ("synth.world.ground.plan", "synth.world.shapes"),
    "tensorboard": ("training",),
    "tensorrt": ("inference.tensorrt_",),
    "tensorrt_rtx": ("inference.tensorrt_",),
    "tensorrt_rtx_bindings": ("inference.tensorrt_",),
    "tf2_ros": ("ros.transforms",),
    "torch": ("models", "training", "inference.torch_backend"),
    "tqdm": ("cli",),
    "transformers": ("models",),
    "trimesh": ("synth.world.shapes",),
}
MESSAGE_HOMES = ("ros",)


def imports_of(source: str, module: str) -> Iterator[str]:
    """Absolute names of everything that a module imports, at any depth of the code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ring_of(module: str) -> str:
    """The ring of `perception_fm.room...`; the package's own `__init__` is core."""
    room = module.split(".")[1]
    for ring, rooms in (("core", CORE | {"__init__"}), ("adapter", ADAPTERS), ("edge", EDGE)):
        if room in rooms:
            return ring
    raise AssertionError(f"{module}: the room {room} belongs to no ring; name it in this test")


def lies_in(module: str, homes: tuple[str, ...]) -> bool:
    """Whether a module is one of the homes or below one."""
    return any(f"{module}.".startswith(f"{PACKAGE}.{home}.") for home in homes)


def violations(source: str, module: str) -> list[str]:
    """What a module imports against the rules."""
    ring = ring_of(module)
    found = set()
    for name in imports_of(source, module):
        library = name.split(".")[0]
        if library == PACKAGE:
            rooms = name.split(".")[1:2]
            if rooms and rooms[0] not in MAY_IMPORT[ring] | {"__version__"}:
                found.add(f"{module} ({ring}) imports from {rooms[0]}")
        elif library in sys.stdlib_module_names:
            continue
        elif ring == "core" and library not in CORE_LIBRARIES:
            found.add(f"{module} (core) imports {library}")
        elif library.endswith("_msgs") or library == "builtin_interfaces":
            if not lies_in(module, MESSAGE_HOMES):
                found.add(f"{module} imports messages of {library}")
        elif library in HOMES and not lies_in(module, HOMES[library]):
            found.add(f"{module} imports {library}, whose home is {HOMES[library]}")
    return sorted(found)


def modules(repository: Path) -> Iterator[tuple[str, Path]]:
    """Every module of the package with its file; a package is `name.__init__`, so that relative imports resolve."""
    for path in sorted((repository / PACKAGE).rglob("*.py")):
        yield ".".join(path.relative_to(repository).with_suffix("").parts), path


def test_imports_point_inwards(repository: Path) -> None:
    found = [line for name, path in modules(repository) for line in violations(path.read_text("utf-8"), name)]
    assert found == []


def test_every_module_is_read(repository: Path) -> None:
    names = {name for name, _ in modules(repository)}
    assert {"perception_fm.__init__", "perception_fm.types", "perception_fm.cli.__init__"} <= names


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("perception_fm.motion.tracker", "import rclpy"),
        ("perception_fm.geometry.plane", "from perception_fm.visual import overlay"),
        ("perception_fm.geometry.plane", "from perception_fm import ros"),
        ("perception_fm.geometry.plane", "from ..bags import reader"),
        ("perception_fm.types", "def late():\n    import tqdm"),
        ("perception_fm.bags.reader", "from perception_fm.ros.node import main"),
        ("perception_fm.synth.world", "import av"),
        ("perception_fm.bags.writer", "from sensor_msgs.msg import Image"),
        ("perception_fm.ros.node", "import torch"),
    ],
)
def test_outward_import_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("perception_fm.motion.tracker", "import math\nimport cv2\nfrom perception_fm.types import MotionField"),
        ("perception_fm.bags.video", "import av\nfrom perception_fm.errors import BagError"),
        ("perception_fm.ros.node", "import rclpy\nfrom std_msgs.msg import Header\nfrom perception_fm import pipeline"),
        ("perception_fm.cli.run", "import click\nfrom tqdm import tqdm\nfrom perception_fm.ros import lockstep"),
    ],
)
def test_inward_import_is_accepted(module: str, source: str) -> None:
    assert violations(source, module) == []
