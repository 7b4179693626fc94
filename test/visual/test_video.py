"""The video plays in a browser: H.264, yuv420p, even size, index first, timed by the stamps."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.visual.video import VideoWriter, picture_at

START_NS = 1_700_000_000_000_000_000


def picture(level: int, width: int = 65, height: int = 49) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def write(path: Path, levels: list[int], offsets_ms: list[int]) -> None:
    with VideoWriter(path) as video:
        for level, offset in zip(levels, offsets_ms):
            video.write(picture(level), START_NS + offset * 1_000_000)


def test_video_decodes_to_its_frames_at_their_times(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    levels, offsets_ms = [20, 90, 160, 230], [0, 100, 250, 300]
    write(path, levels, offsets_ms)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (66, 50)
        frames = list(container.decode(video=0))
    assert [round(float(frame.time) * 1e3) for frame in frames] == offsets_ms
    for frame, level in zip(frames, levels):
        # Limited-range YUV and quantisation move a flat grey by a few levels.
        assert abs(float(frame.to_ndarray(format="bgr24").mean()) - level) < 4.0


def test_index_comes_first_so_that_it_plays_while_loading(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [10, 20], [0, 100])
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_stamp_that_goes_back_does_not_break_the_video(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [10, 20, 30], [0, 100, 50])
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_other_size_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    def change_size() -> None:
        with VideoWriter(tmp_path / "a.mp4") as video:
            video.write(picture(1), START_NS)
            video.write(picture(1, width=80), START_NS + 1)

    with pytest.raises(PerceptionError, match="cannot take a frame"):
        change_size()
    assert list(tmp_path.iterdir()) == []


def test_video_without_frames_leaves_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="cannot write the video"):
        VideoWriter(tmp_path / "missing" / "a.mp4")


@pytest.mark.parametrize(("time_s", "level"), [(0.0, 20), (0.1, 90), (0.2, 90), (0.25, 160), (9.0, 230)])
def test_picture_is_the_one_shown_at_its_time(time_s: float, level: int, tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [20, 90, 160, 230], [0, 100, 250, 300])
    found = picture_at(tmp_path / "a.mp4", time_s)
    assert found.shape == (50, 66, 3)
    assert abs(float(found.mean()) - level) < 4.0


def test_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    for name in ("a.mp4", "b.mp4"):
        with pytest.raises(PerceptionError, match=f"cannot read the video .*{name}"):
            picture_at(tmp_path / name, 0.0)
