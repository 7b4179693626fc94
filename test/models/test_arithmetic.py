"""Operations of a network, counted; the peak of the machine is only known to be positive."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="counts the operations of a PyTorch network")

from tiny_onnx import tiny_card  # noqa: E402

from perception_fm.models.arithmetic import flops_per_image, peak_flops_per_s  # noqa: E402


class OneConvolution(torch.nn.Module):
    """Three channels to 40 over 4x4 cells; of the 40 only what the heads need is looked at."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 40, 4, stride=4, bias=False)

    def forward(self, image):
        return {"log_depth": self.layer(image)[:, 0]}


def test_multiply_and_add_of_a_convolution_count_as_two():
    card = tiny_card(heads=("depth",), class_names=(), train_ids=())
    cells = card.input_height * card.input_width // 16
    assert flops_per_image(OneConvolution(), card) == 2 * cells * 40 * 3 * 4 * 4


def test_peak_is_a_rate():
    assert peak_flops_per_s() > 1e6
