"""`ZooEntry`: what is known of a named model before anything of it is downloaded. Needs the standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ModelError
from perception_fm.models.heads import HEADS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SAFE_SUFFIXES = (".safetensors", ".json", ".onnx", ".onnx_data", ".onnx.data")
"""What is ever fetched. Pickles (.bin, .pt, .pth, .ckpt) run code when they are opened."""

KINDS = ("bundled", "network", "onnx", "backbone")
"""bundled: this project's own. network: loaded into its published architecture. onnx: a foreign graph that is wrapped.
backbone: an encoder without heads, to be trained on with ours."""


@dataclass(frozen=True)
class Licence:
    """`source`: where it was read. `note`: what else binds the user (data, conditions, gates)."""

    name: str
    is_commercial: bool
    source: str
    note: str = ""


@dataclass(frozen=True)
class HubFiles:
    """Files of one hub repository. Raises `ModelError` when made with a name that could be a pickle.

    `files`: names or shell patterns, each of which must match. `ref`: branch or pull request whose newest revision the
    first pull locks. `revision`: git hash, None where it has not been seen. `sha256`: by file name, likewise.
    """

    repo: str
    files: tuple[str, ...] = ("config.json", "model.safetensors")
    without: tuple[str, ...] = ()
    ref: str = "main"
    revision: str | None = None
    sha256: tuple[tuple[str, str], ...] | None = None
    is_gated: bool = False

    def __post_init__(self) -> None:
        unsafe = [name for name in self.files if not name.endswith(SAFE_SUFFIXES)]
        if unsafe:
            raise ModelError(f"{self.repo}: {', '.join(unsafe)} is refused; only {', '.join(SAFE_SUFFIXES)} are loaded")


@dataclass(frozen=True)
class Part:
    """One network of an entry. `architecture`: a key of `foundation.published`, or "onnx" for a foreign graph.

    `size_mb`: of its weights. `mean`, `std`: of RGB / 255, what the network was trained with.
    """

    role: str
    architecture: str
    weights: HubFiles
    licence: Licence
    size_mb: float
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


@dataclass(frozen=True)
class ZooEntry:
    """One named model.

    `size_multiple`: what height and width of an export must be multiples of. `focal_px`: focal length in pixels of the
    model input for which its metres hold (see `ModelCard.canonical_focal_px`); `focal_per_height`: the same as a
    multiple of the input's height, for models that know the field of view only. `heads`: what it puts out, none for a
    backbone. `commands`: how a user comes by its file, none where it comes with the package.
    """

    name: str
    summary: str
    kind: str
    encoder: str
    parts: tuple[Part, ...]
    own_licence: Licence | None
    input_height: int
    input_width: int
    size_multiple: int
    output_stride: int
    heads: tuple[str, ...]
    commands: tuple[str, ...]
    is_trained: bool = True
    focal_px: float | None = None
    focal_per_height: float | None = None
    class_names: tuple[str, ...] = CITYSCAPES_CLASSES
    train_ids: tuple[int, ...] = tuple(range(len(CITYSCAPES_CLASSES)))
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not set(self.heads) <= set(HEADS) or not (self.parts or self.own_licence):
            raise ModelError(f"zoo entry {self.name}: kind {self.kind}, heads {self.heads}, or no licence")
        if len(self.train_ids) != len(self.class_names):
            raise ModelError(f"zoo entry {self.name}: {len(self.class_names)} classes, {len(self.train_ids)} train ids")
        self.check_size(self.input_height, self.input_width)

    @property
    def licence(self) -> Licence:
        """The terms that bind the whole: every part's, commercial only where all parts allow it."""
        licences = ((self.own_licence,) if self.own_licence else ()) + tuple(part.licence for part in self.parts)
        if len(licences) == 1:
            return licences[0]
        notes = (f"{licence.name}: {licence.note}" for licence in licences if licence.note)
        return Licence(
            " AND ".join(dict.fromkeys(licence.name for licence in licences)),
            all(licence.is_commercial for licence in licences),
            " ".join(licence.source for licence in licences),
            " ".join(notes),
        )

    @property
    def size_mb(self) -> float:
        """Of all weights to fetch."""
        return sum(part.size_mb for part in self.parts)

    def canonical_focal_px(self, input_height: int) -> float | None:
        """For the card of an export with this input height; None where the model states no convention."""
        return self.focal_px if self.focal_per_height is None else self.focal_per_height * input_height

    def check_size(self, input_height: int, input_width: int) -> None:
        """Raises `ModelError` for an input size that the network cannot take."""
        step = math.lcm(self.size_multiple, self.output_stride)
        if min(input_height, input_width) <= 0 or input_height % step or input_width % step:
            near = [max(step, round(size / step) * step) for size in (input_width, input_height)]
            raise ModelError(
                f"model {self.name} takes inputs whose sides are multiples of {step}, got "
                f"{input_width}x{input_height}: {near[0]}x{near[1]} is near"
            )


def entry_named(name: str) -> ZooEntry:
    """The entry of the zoo. Raises `ModelError` with the nearest names for an unknown one."""
    from perception_fm.models.zoo_entries import ZOO

    if name in ZOO:
        return ZOO[name]
    near = get_close_matches(name, ZOO, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(ZOO)}"
    raise ModelError(f"the zoo has no model {name!r}: {hint} (see perception-fm models list)")
