"""How much a network computes, and how fast the machine could: what the share of the roofline is made of."""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from perception_fm.models.card import ModelCard
from perception_fm.models.network.deployed import DeployedNetwork

_SIDE, _WARM_UPS, _RUNS = 2048, 2, 6


def flops_per_image(module: nn.Module, card: ModelCard) -> float:
    """Floating-point operations of convolutions, matrix products and attention for one image; a multiply-add is two."""
    network = DeployedNetwork(module, card).eval()
    image = torch.zeros((1, card.input_height, card.input_width, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    return float(counter.get_total_flops())


def peak_flops_per_s(device: str = "cpu") -> float:
    """FP32 operations per second of a matrix product of side 2048 in PyTorch on `device`: a peak that is reached."""
    a = torch.rand((_SIDE, _SIDE), device=device)
    least_s = float("inf")
    for run in range(_WARM_UPS + _RUNS):
        start_s = time.perf_counter()
        product = a @ a
        if product.is_cuda:
            torch.cuda.synchronize()
        if run >= _WARM_UPS:
            least_s = min(least_s, time.perf_counter() - start_s)
    return 2.0 * _SIDE**3 / least_s
