"""A sample's small files: what they keep and what they round."""

import json

import cv2
import numpy as np
import pytest

from perception_fm.errors import DatasetError
from perception_fm.synth.dataset.sample_codec import CHANNELS, FAR, Sample, decode, decode_depth, encode, encode_depth
from perception_fm.synth.render.frame import Truth

HEIGHT, WIDTH = 24, 32


def sample() -> Sample:
    rng = np.random.default_rng(0)
    shape = (HEIGHT, WIDTH)
    depth = rng.uniform(1.0, 200.0, shape).astype(np.float32)
    depth[:4] = np.inf
    painted = np.zeros(shape, bool)
    painted[10:20, 8:24] = True
    pictured = depth.copy()
    pictured[painted] = depth[painted] + 20.0
    pictured[10:12, 8:24] = np.inf
    normal = rng.standard_normal((*shape, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    normal[:4] = 0.0
    truth = Truth(
        depth, pictured, rng.integers(0, 19, shape).astype(np.uint8), rng.integers(0, 65536, shape).astype(np.uint16),
        normal, np.full((*shape, 3), (40, 90, 200), np.uint8), rng.integers(0, 256, shape).astype(np.uint8), painted,
    )  # fmt: skip
    return Sample(np.full((*shape, 3), 128, np.uint8), truth, {"seed": 3})


def test_what_is_written_is_read():
    original = sample()
    back = decode(encode(original, CHANNELS))
    assert back["facts"] == {"seed": 3}
    truth = original.truth
    for channel in ("label", "instance", "roughness", "painted"):
        np.testing.assert_array_equal(back[channel], getattr(truth, channel))
    for channel, metres in (("depth", truth.depth_m), ("pictured", truth.depth_pictured_m)):
        np.testing.assert_array_equal(np.isinf(back[channel]), np.isinf(metres))
        seen = np.isfinite(metres)
        np.testing.assert_allclose(back[channel][seen], metres[seen], atol=0.5 / 256.0)
    np.testing.assert_allclose(back["normal"], truth.normal, atol=0.5 / 127.0)
    np.testing.assert_allclose(back["albedo"].astype(int), truth.albedo, atol=2)  # one colour: JPEG keeps it


def test_depth_at_its_limits():
    metres = np.array([[0.0005, 1.0, 255.99, 256.0, 9000.0, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(encode_depth(metres), [[1, 256, 65533, FAR, FAR, FAR, 0]])
    np.testing.assert_array_equal(decode_depth(np.array([[0, 256, FAR]], np.uint16)), [[np.nan, 1.0, np.inf]])


def test_normals_are_stored_as_red_green_blue():
    original = sample()
    stored = cv2.imdecode(np.frombuffer(encode(original, ["normal"])["normal.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(stored[10, 10, 2], original.truth.normal[10, 10, 0] * 127.0 + 128.0, atol=0.5)


def test_only_chosen_channels_are_written():
    assert set(encode(sample(), ["depth", "label"])) == {"jpg", "depth.png", "label.png", "json"}
    assert set(decode(encode(sample(), ["depth"]))) == {"picture", "facts", "depth"}


def test_pictured_without_depth_is_refused():
    with pytest.raises(DatasetError, match="missing"):
        decode(encode(sample(), ["pictured"]))


def test_torn_picture_is_refused():
    files = encode(sample(), ["depth"])
    with pytest.raises(DatasetError, match=r"depth\.png is no picture"):
        decode({**files, "depth.png": files["depth.png"][:10]})


def test_facts_that_are_no_json_are_refused():
    original = sample()
    with pytest.raises(ValueError, match="JSON"):
        encode(Sample(original.picture, original.truth, {"distance_m": float("nan")}), [])
    assert json.loads(encode(original, [])["json"]) == {"seed": 3}
