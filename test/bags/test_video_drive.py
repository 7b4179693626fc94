"""A tiny encoded video comes back picture by picture with its times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from perception_fm.bags.convert import SourceOptions, open_drive
from perception_fm.bags.drive import RELATIVE_CLOCK_START_NS, Intrinsics
from perception_fm.bags.video import upright
from perception_fm.errors import BagError

FIELD_OF_VIEW = SourceOptions(Intrinsics(hfov_deg=90.0))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten grey pictures, each 20 levels brighter than the one before, 160x96, at 12.5 Hz."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25, 2))
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for index in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((96, 160, 3), 20 + 20 * index, np.uint8), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def test_pictures_and_times_come_back(video: Path) -> None:
    drive = open_drive(video, FIELD_OF_VIEW)
    frames = list(drive.frames())
    assert [frame.stamp_ns - RELATIVE_CLOCK_START_NS for frame in frames] == [n * 80_000_000 for n in range(10)]
    for index, frame in enumerate(frames):
        assert isinstance(frame.image, np.ndarray)
        assert frame.image.shape == (96, 160, 3)
        # The encoder quantises by several levels; under half of the step of 20 the picture is still the right one.
        assert abs(float(frame.image.mean()) - (20 + 20 * index)) < 10.0
    assert drive.info.frame_count == 10
    assert drive.info.calibration.focal_px == pytest.approx((80.0, 80.0))
    assert drive.trajectory == ()
    assert drive.info.camera_height_m is None


def test_given_rate_replaces_the_times(video: Path) -> None:
    frames = list(open_drive(video, SourceOptions(Intrinsics(hfov_deg=90.0), rate_hz=10.0)).frames())
    assert frames[-1].stamp_ns - RELATIVE_CLOCK_START_NS == 900_000_000


def test_video_without_intrinsics_is_refused(video: Path) -> None:
    with pytest.raises(BagError, match=r"160x96 and has no intrinsics; give --fx --fy --cx --cy"):
        open_drive(video, SourceOptions())


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00" * 5000])
def test_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(BagError, match="as a video"):
        open_drive(tmp_path / "clip.mp4", FIELD_OF_VIEW)


def test_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
        container.mux(stream.encode())
    with pytest.raises(BagError, match="no video stream"):
        open_drive(path, FIELD_OF_VIEW)


def test_options_for_other_sources_are_refused(video: Path) -> None:
    with pytest.raises(BagError, match="--camera means nothing"):
        open_drive(video, SourceOptions(Intrinsics(hfov_deg=90.0), camera="image_2"))


def test_turned_picture_is_set_upright() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(upright(picture, 0), picture)
    np.testing.assert_array_equal(upright(picture, 90), [[2, 5], [1, 4], [0, 3]])
    np.testing.assert_array_equal(upright(picture, -90), [[3, 0], [4, 1], [5, 2]])
    with pytest.raises(BagError, match="multiples of 90"):
        upright(picture, 45)
