"""`MultiHeadNetwork`: one encoder, one decoder, and depth, labels, normals and prints from one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS
from perception_fm.models.network.decoder import STRIDE_OF_STAGE, Decoder, raw_outputs
from perception_fm.models.network.encoders import Encoder, build_encoder, encoder_spec

WIDTH_PX, HEIGHT_PX = 640, 384
CANONICAL_FOCAL_PX = 500.0  # 65 degrees across 640 px, a usual front camera


class MultiHeadNetwork(nn.Module):
    """A raw network (see `DeployedNetwork`) of all heads; `card` describes its fine stage.

    `forward` gives the fine raw outputs; `stages` gives those of both stages, which is what a loss wants.
    """

    def __init__(self, encoder: Encoder, card: ModelCard) -> None:
        super().__init__()
        self.card = card
        self.encoder = encoder
        self.decoder = Decoder(encoder.channels, encoder_spec(card.encoder).decoder_width)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Fine raw outputs of (N, 3, H, W) float32, normalised RGB."""
        return self.stages(image)["fine"]

    def stages(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """Raw outputs at stride 16 (`coarse`) and stride 4 (`fine`) of (N, 3, H, W) float32, normalised RGB."""
        features = self.encoder(image)
        coarse, merged = self.decoder.coarse(features)
        fine = self.decoder.fine(features, coarse, merged)
        return {"coarse": raw_outputs(coarse), "fine": raw_outputs(fine)}

    def at_stage(self, stage: str) -> tuple[nn.Module, ModelCard]:
        """The raw network that stops at `stage`, sharing all weights, with the card of its file."""
        card = dataclasses.replace(self.card, stage=stage, output_stride=STRIDE_OF_STAGE.get(stage, 1))
        return (self if stage == "fine" else _CoarseStage(self).train(self.training)), card

    def set_input_size(self, width: int, height: int) -> None:
        """Makes it a network for images of this size. Raises `ModelError` where it is no multiple of 32."""
        self.encoder.set_input_size(height, width)
        self.card = dataclasses.replace(self.card, input_width=width, input_height=height)


class _CoarseStage(nn.Module):
    """The part of a network that the coarse heads need."""

    def __init__(self, network: MultiHeadNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Coarse raw outputs of (N, 3, H, W) float32, normalised RGB."""
        return raw_outputs(self.network.decoder.coarse(self.network.encoder(image))[0])


def build_network(
    encoder: str,
    *,
    pretrained_encoder: bool,
    seed: int,
    width: int = WIDTH_PX,
    height: int = HEIGHT_PX,
    encoder_state: Mapping[str, Tensor] | None = None,
) -> MultiHeadNetwork:
    """A network with untrained heads, in evaluation mode; the same `seed` gives the same weights.

    `encoder_state`: published checkpoint of a DINOv2 or DINOv3, needed where `pretrained_encoder` is set for one.
    Raises `ModelError` as `build_encoder` does.
    """
    spec = encoder_spec(encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = build_encoder(encoder, height, width, is_pretrained=pretrained_encoder, state=encoder_state)
        network = MultiHeadNetwork(body, untrained_card(encoder, width, height))
    weights = f"encoder from {spec.source}" if pretrained_encoder else "random weights"
    network.card = dataclasses.replace(network.card, source=f"perception_fm, {weights}")
    return network.eval()


def untrained_card(encoder: str, width: int = WIDTH_PX, height: int = HEIGHT_PX) -> ModelCard:
    """The card of a network whose heads have not been trained."""
    return ModelCard(
        name=encoder,
        source="perception_fm, random weights",
        revision=None,
        licence=encoder_spec(encoder).licence,
        is_commercial=True,
        is_trained=False,
        encoder=encoder,
        input_height=height,
        input_width=width,
        output_stride=STRIDE_OF_STAGE["fine"],
        heads=tuple(HEADS),
        canonical_focal_px=CANONICAL_FOCAL_PX,
    )


def network_of(card: ModelCard) -> MultiHeadNetwork:
    """A network as `card` describes it, with random weights; raises `ModelError` where it describes another kind."""
    if set(card.heads) != set(HEADS) or card.stage != "fine" or card.output_stride != STRIDE_OF_STAGE["fine"]:
        raise ModelError(
            f"model {card.name}: a multi-head network has the heads {', '.join(HEADS)} at stride 4, "
            f"its card says {', '.join(card.heads)} at stride {card.output_stride}, stage {card.stage}"
        )
    body = build_encoder(card.encoder, card.input_height, card.input_width, is_pretrained=False)
    return MultiHeadNetwork(body, card).eval()
