"""`perception-fm synth` as a person types it."""

import pytest

from perception_fm.cli import main


def run(*arguments: object) -> int:
    return main(["synth", *map(str, arguments)])


def test_composite_of_a_rendered_drive(tmp_path, capsys):
    small = ["width_px=160", "height_px=96", "focal_px=125", "rate_hz=2", "travel_m=20", "has_wall=false"]
    assignments = [word for one in small for word in ("-s", one)]
    assert run("drive", "-o", tmp_path / "drive", *assignments) == 0
    assert run("composite", tmp_path / "drive", "-o", tmp_path / "wall", "--distance", 25, "--slant", 20) == 0
    assert (tmp_path / "wall/meta.json").is_file()
    assert "6 x 4 m wall 25 m after frame 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["composite", "nowhere", "-o", "out"], "no drive folder"),
        (["composite", "nowhere", "-o", "out", "--width", "-3"], "positive width_m"),
        (["composite", "nowhere", "-o", "out", "--depth", "3"], "No such option"),
        (["drive", "-o", "out", "-s", "speed=3"], "unknown setting speed"),
        (["drive", "-o", "out", "-s", "seed"], "NAME=VALUE"),
        (["drive"], "Missing option"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not list(tmp_path.iterdir())


def test_list_shows_every_setting(capsys):
    assert run("drive", "--list") == 0
    assert "travel_m=58.0" in capsys.readouterr().out
