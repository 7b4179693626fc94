"""Renders the golden frames of the acceptance gate anew: config/golden_frames.yaml says of what."""

from __future__ import annotations

from pathlib import Path

import cv2

from perception_fm.synth.contact_sheet import draw_tiles, read_sheet

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "perception_fm" / "inference" / "golden"
_WIDTH_PX, _HEIGHT_PX = 640, 384
_JPEG_QUALITY = 85  # below 80 KB each, and the quality of a vehicle's own stream


def main() -> None:
    """Replaces the files."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.jpg"):
        old.unlink()
    shots = read_sheet(REPOSITORY / "config" / "golden_frames.yaml")
    for number, (shot, tile) in enumerate(zip(shots, draw_tiles(shots, _WIDTH_PX)), start=1):
        path = FOLDER / f"{number}_{shot.config.caption}.jpg"
        # A tile has its caption below the picture.
        if not cv2.imwrite(str(path), tile[:_HEIGHT_PX], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
            raise SystemExit(f"cannot write {path}")
        print(path.relative_to(REPOSITORY), f"{path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
