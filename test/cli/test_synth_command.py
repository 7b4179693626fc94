"""`perception-fm synth` as a person types it."""

import pytest

from perception_fm.cli import main
from perception_fm.synth.planar.drive import DriveConfig, write_drive


def run(*arguments: object) -> int:
    return main(["synth", *map(str, arguments)])


def test_composite_of_a_rendered_drive(tmp_path, capsys):
    small = DriveConfig(width_px=160, height_px=96, focal_px=125.0, rate_hz=2.0, travel_m=20.0, has_wall=False)
    list(write_drive(small, tmp_path / "drive"))
    assert run("composite", tmp_path / "drive", "-o", tmp_path / "wall", "--distance", 25, "--slant", 20) == 0
    assert (tmp_path / "wall/meta.json").is_file()
    assert "6 x 4 m wall 25 m after frame 0" in capsys.readouterr().out


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
