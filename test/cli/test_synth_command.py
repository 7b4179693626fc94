"""`perception-fm synth` as a person types it."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.cli import main


def run(*arguments: object) -> int:
    return main(["synth", *map(str, arguments)])


def small_drive(folder: Path) -> None:
    """Three frames of noise, ten metres apart along the optical axis."""
    (folder / "rgb").mkdir(parents=True)
    rng = np.random.default_rng(0)
    frames = []
    for number in range(3):
        cv2.imwrite(str(folder / f"rgb/{number}.png"), rng.integers(0, 256, (96, 160, 3)).astype(np.uint8))
        pose = np.eye(4)
        pose[2, 3] = 10.0 * number
        entry = {"id": number, "stamp_ns": number * 10**9, "image": f"rgb/{number}.png"}
        frames.append(entry | {"T_world_camera": pose.tolist()})
    camera = {"size": [160, 96], "K": [125.0, 125.0, 79.5, 47.5], "D": [], "height_m": 1.4}
    meta = {"format": "drive-folder/1", "camera": camera, "frames": frames}
    (folder / "meta.json").write_text(json.dumps(meta))


def test_composite_of_a_drive(tmp_path, capsys):
    small_drive(tmp_path / "drive")
    assert run("composite", tmp_path / "drive", "-o", tmp_path / "wall", "--distance", 25, "--slant", 20) == 0
    distances = [frame["wall_distance_m"] for frame in json.loads((tmp_path / "wall/meta.json").read_text())["frames"]]
    assert distances == pytest.approx([25.0, 15.0, 5.0], abs=1e-3)
    assert "6 x 4 m wall 25 m after frame 0" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["moderngl", "trimesh", "shapely"])
@pytest.mark.parametrize(
    "arguments", [["run", "demo", "-o", "x"], ["cases"], ["dataset", "y", "-o", "x"], ["sheet", "-o", "x.png"]]
)
def test_missing_extra_is_one_line_that_says_what_to_install(module, arguments, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    assert run(*arguments) == 2
    assert capsys.readouterr().err == (
        f"perception-fm: the synthetic world needs {module}; say: pip install 'perception_fm[synth]'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["composite", "nowhere", "-o", "out"], "no drive folder"),
        (["composite", "nowhere", "-o", "out", "--width", "-3"], "positive width_m"),
        (["composite", "nowhere", "-o", "out", "--depth", "3"], "No such option"),
        (["run", "demo", "-o", "out", "-s", "drive.sped_mps=3"], "did you mean drive.speed_mps?"),
        (["run", "demo", "-o", "out", "-s", "seed"], "KEY=VALUE"),
        (["run", "demo", "-o", "out", "-s", "walls.0.width_m=-1"], "walls.0.width_m lies between"),
        (["run", "nowhere", "-o", "out"], "neither a scenario file nor one of the library"),
        (["run", "demo"], "Missing option"),
        (["sheet", "nowhere.yaml", "-o", "out.png"], "cannot read nowhere.yaml"),
        (["sheet", "-o", "out.gif"], "a sheet is a .jpg or .png"),
        (["sheet", "-o", "/dev/null/out.png"], "cannot write /dev/null/out.png"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not list(tmp_path.iterdir())
