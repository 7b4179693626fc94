"""Images of a bag come evenly spread and as arrays, raw or compressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perception_fm.bags.camera_images import camera_images
from perception_fm.bags.convert import DriveConversion, MountingOptions, SourceOptions, open_drive
from perception_fm.bags.drive import Intrinsics
from perception_fm.bags.drive_messages import compressed_image
from perception_fm.bags.encoded_image import EncodedImage
from perception_fm.bags.message_types import serialize
from perception_fm.bags.reader import BagReader
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError

TOPIC = "/camera/front/image_raw"


@pytest.fixture
def bag(make_drive_folder: Callable[..., Path], tmp_path: Path) -> Callable[[bool], Path]:
    """Twelve frames, raw or as PNG."""

    def make(is_raw: bool) -> Path:
        drive = open_drive(make_drive_folder(), SourceOptions(Intrinsics()))
        conversion = DriveConversion(drive, MountingOptions(1.5, 0.0), is_raw=is_raw)
        path = tmp_path / f"bag_{is_raw}"
        with BagWriter(path, "mcap", custom_data=conversion.custom_data()) as writer:
            list(conversion.write(writer))
        return path

    return make


@pytest.mark.parametrize("is_raw", [True, False])
def test_images_are_bgr_and_spread_over_the_bag(bag: Callable[[bool], Path], is_raw: bool) -> None:
    with BagReader(bag(is_raw)) as reader:
        topic = next(name for name in reader.topics if name.endswith(("image_raw", "compressed")))
        everything = list(camera_images(reader, topic, 100))
        some = list(camera_images(reader, topic, 3))
    assert len(everything) == 12
    assert {image.shape for image in everything} == {(48, 64, 3)}
    assert everything[0].dtype == np.uint8
    # Blue is twice green in the pictures of this drive.
    assert np.abs(everything[0][..., 0].astype(int) - 2 * everything[0][..., 1].astype(int)).mean() < 3.0
    for image, index in zip(some, (0, 4, 8)):
        np.testing.assert_array_equal(image, everything[index])


def test_unknown_topic_and_damaged_image_are_refused(tmp_path: Path) -> None:
    broken = compressed_image(7, "front_optical", EncodedImage(b"\xff\xd8\xff no picture", "jpeg"))
    with BagWriter(tmp_path / "bag", "mcap") as writer:
        writer.write(f"{TOPIC}/compressed", 7, serialize(broken), broken.__msgtype__)
    with BagReader(tmp_path / "bag") as reader:
        with pytest.raises(BagError, match="has no topic /nothing"):
            list(camera_images(reader, "/nothing", 3))
        with pytest.raises(BagError, match=r"at 7 ns cannot be decoded"):
            list(camera_images(reader, f"{TOPIC}/compressed", 3))
