"""From what a user names to a raw network with its card: an encoder, a model of the zoo, or a checkpoint."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from perception_fm.errors import ModelError
from perception_fm.models.cache import cache_folder, packaged_path
from perception_fm.models.card import ModelCard
from perception_fm.models.lock import is_pulled
from perception_fm.models.network.encoders import ENCODERS
from perception_fm.models.network.multihead import MultiHeadNetwork, build_network
from perception_fm.models.network.weights import load_network
from perception_fm.models.zoo import entry_named
from perception_fm.models.zoo_entries import ZOO

_SEED = 0  # of untrained heads: two exports of one name are the same file


@dataclass(frozen=True)
class ExportOptions:
    """What an export may change. `width`, `height`: pixels, None as the model has it; `temperature`: None likewise."""

    width: int | None = None
    height: int | None = None
    stage: str = "fine"
    temperature: float | None = None


def exportable(name: str, options: ExportOptions, *, cache: Path | None = None) -> tuple[nn.Module, ModelCard]:
    """The raw network of `name`, in evaluation mode, and the card of its file.

    `name`: a `.safetensors` file of a multi-head network, or the bundled one; an encoder, which gets untrained heads;
    or a pulled model of the zoo. Raises `ModelError` for what is unknown, not pulled, cannot take the size, or has no
    coarse stage.
    """
    cache = cache or cache_folder()
    network: nn.Module
    if is_own(name):
        network, card = own_network(name, options, cache=cache).at_stage(options.stage)
    else:
        from perception_fm.models.foundation.network import zoo_network

        if options.stage != "fine":
            raise ModelError(f"model {name} has no coarse stage; only networks of this project have one")
        network, card = zoo_network(entry_named(name), cache=cache, height=options.height, width=options.width)
    if options.temperature is not None:
        card = dataclasses.replace(card, temperature=options.temperature)
    return network, card


def is_own(name: str) -> bool:
    """Whether `name` is a multi-head network of this project: a checkpoint, the bundled one, or an encoder for it."""
    return name.endswith(".safetensors") or name in ENCODERS or (name in ZOO and ZOO[name].kind == "bundled")


def own_network(name: str, options: ExportOptions, *, cache: Path) -> MultiHeadNetwork:
    """The network of a name that `is_own`, with the input size of `options`. Raises as `exportable` does."""
    if name in ENCODERS:
        network = _untrained(name, cache)
    else:
        network = load_network(Path(name) if name.endswith(".safetensors") else packaged_path(name, ".safetensors"))
    card = network.card
    network.set_input_size(options.width or card.input_width, options.height or card.input_height)
    return network


def _untrained(encoder: str, cache: Path) -> MultiHeadNetwork:
    """Heads that nothing has trained, on the best encoder weights that lie here."""
    state = None
    if not ENCODERS[encoder].has_packaged_weights and encoder in ZOO and is_pulled(ZOO[encoder], cache):
        from perception_fm.models.foundation.network import backbone_state

        state = backbone_state(ZOO[encoder], cache=cache)
    is_pretrained = state is not None or ENCODERS[encoder].has_packaged_weights
    return build_network(encoder, pretrained_encoder=is_pretrained, seed=_SEED, encoder_state=state)
