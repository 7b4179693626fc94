"""Scenario files: what they build, and that the impossible is refused with its key and reason."""

import itertools

import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.library import find_scenario, library
from perception_fm.synth.scenario.scenario import (
    Scenario,
    build_scenario,
    load_scenario,
    parsed_overrides,
    scenario_yaml,
)

WALL = {"station_m": 100.0, "width_m": 4.0}


def written(tmp_path, text: str):
    file = tmp_path / "here.yaml"
    file.write_text(text)
    return file


def test_file_builds_groups_lists_and_defaults(tmp_path):
    file = written(
        tmp_path,
        "seed: 5\ndrive: {speed_mps: 8, odometry: {strength: 0}}\nwalls:\n- {station_m: 90, print: tunnel}\n"
        "actors:\n- {kind: cyclist, station_m: 120, lane: 1}\n",
    )
    scenario = load_scenario(file)
    assert (scenario.name, scenario.seed, scenario.drive.speed_mps) == ("here", 5, 8.0)
    assert scenario.drive.odometry.strength == 0.0
    assert scenario.walls[0].print == "tunnel"
    assert scenario.actors[0].kind == "cyclist"
    assert scenario.weather == Scenario().weather


def test_overrides_reach_groups_and_entries_of_lists(tmp_path):
    file = written(tmp_path, "drive.speed_mps: 8\nwalls: [{station_m: 90}, {station_m: 95}]\n")
    scenario = load_scenario(file, ["drive.speed_mps=20", "walls.1.width_m=3.6", "camera.effects.rain=0.5", "seed=9"])
    assert scenario.drive.speed_mps == 20.0
    assert [wall.width_m for wall in scenario.walls] == [6.0, 3.6]
    assert scenario.camera.effects.rain == 0.5
    assert scenario.seed == 9


def test_whole_list_can_be_given_on_the_command_line(tmp_path):
    file = written(tmp_path, "walls: [{station_m: 90}]\n")
    assert load_scenario(file, ["walls=[]"]).walls == ()


def test_yaml_of_a_scenario_builds_it_again(tmp_path):
    text = "walls: [{station_m: 90, slant_deg: 30}]\nactors: [{kind: poster_truck, station_m: 140}]\n"
    scenario = load_scenario(written(tmp_path, text))
    again = load_scenario(written(tmp_path, scenario_yaml(scenario)))
    assert scenario_yaml(again) == scenario_yaml(scenario)
    assert again.walls == scenario.walls


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wals": []}, r"unknown setting wals; did you mean walls\?"),
        ({"world": {"lenght_m": 200}}, r"unknown setting world\.lenght_m; did you mean world\.length_m"),
        ({"walls": [{"widht_m": 3}]}, r"unknown setting walls\.0\.widht_m; did you mean walls\.0\.width_m"),
        ({"walls": [{**WALL, "width_m": -3.0}]}, r"walls\.0\.width_m lies between 0\.5 and 30"),
        ({"walls": [{**WALL, "station_m": 10.0}]}, r"walls\.0\.station_m: .*behind the camera"),
        ({"walls": [{**WALL, "station_m": 260.0}]}, r"walls\.0\.station_m: 260 m is beyond the road"),
        ({"walls": [{**WALL, "sweet_spot_m": 90.0}]}, r"walls\.0\.sweet_spot_m: 90 m .*before the start"),
        ({"walls": [{**WALL, "sweet_spot_m": 4.0}]}, r"walls\.0\.sweet_spot_m: 4 m .*beyond the end"),
        ({"walls": [WALL], "drive": {"end_m": 130.0}}, r"drive\.end_m: the drive to 130 m runs into walls\.0"),
        ({"walls": [{**WALL, "eye_up_m": -1.3}]}, r"walls\.0\.eye_up_m"),
        ({"walls": [{**WALL, "canvas": "billboard", "lean_deg": 10.0}]}, r"walls\.0\.lean_deg"),
        ({"drive": {"sped": 3}}, r"unknown setting drive\.sped; did you mean drive\.speed_mps\?"),
        ({"walls": [{**WALL, "width_m": 10**400}]}, r"walls\.0\.width_m lies between 0\.5 and 30\.0, got inf"),
        ({"walls": {"station_m": 100.0}}, "walls is a list"),
        ({"walls": [4]}, r"walls\.0 is a group"),
        ({"drive": {"end_m": 250.0}}, r"drive\.end_m: 250 m is beyond the road"),
        ({"drive": {"start_m": 100.0, "end_m": 90.0}}, r"drive\.end_m: the drive would end at 90\.0 m, before"),
        ({"world": {"length_m": 60.0}, "drive": {"start_m": 30.0}}, r"world\.length_m: the road of 60 m is too short"),
        ({"drive": {"end_m": 60.0, "speed_mps": 30.0, "start": "standstill"}}, r"drive\.speed_mps: 30 m/s is not"),
        ({"drive": {"lateral_m": -4.5}}, r"drive\.lateral_m: -4\.5 m"),
        ({"world": {"tunnels": [100.0], "junctions": [130.0]}}, "tunnel at 100 m and the junction at 130 m overlap"),
        ({"camera": {"effects": {"wiper_s": 0.5}}}, r"effects\.wiper_s"),
        ({"camera": {"distortion_model": "plumb_bob", "distortion": [0.1]}}, "distortion"),
        ({"camera": {"name": "front cam"}}, r"camera\.name"),
        ({"drive": {"duration_s": 90.0}}, r"drive\.duration_s: the drive ends after 15\.\d s"),
        ({"drive": {"odometry": {"delay_s": -0.1}}}, r"drive\.odometry\.delay_s lies between 0\.0 and 0\.5"),
        ({"drive": {"odometry": {"dropouts_s": [2]}}}, r"drive\.odometry\.dropouts_s needs pairs of from and until"),
        ({"drive": {"odometry": {"dropouts_s": [40, 41]}}}, r"dropouts_s: the drive ends after 15\.\d s, .*40 s"),
        ({"name": "a b"}, "name: letters"),
        ({"actors": [{"kind": "truck", "station_m": 100.0}]}, r"actors\.0: the drive runs into this truck [0-9.]+ s"),
        ({"actors": [{"lane": 4}]}, r"actors\.0\.lane: the road has the lanes 0 to 1"),
        ({"actors": [{"kind": "tank"}]}, r"actors\.0\.kind is one of car"),
        ({"walls": [{**WALL, "width_m": 20.0, "curvature_per_m": -0.2}]}, r"walls\.0\.curvature_per_m: .*115 degrees"),
        ({"walls": [WALL, {"station_m": 101.0, "slant_deg": 60.0}]}, r"walls\.1\.station_m: walls\.0 stands there"),
        (
            {"actors": [{"station_m": 60.0, "lane": 1}, {"kind": "truck", "station_m": 69.0, "lane": 1}]},
            r"actors\.1: is where actors\.0 is, 0\.0 s",
        ),
        (
            {"actors": [{"station_m": 60.0, "lane": 1}, {"station_m": 90.0, "lane": 1, "speed_mps": 10.0}]},
            r"actors\.1: is where actors\.0 is, 2\.[56] s",
        ),
        (
            {"walls": [WALL], "actors": [{"station_m": 60.0, "matches_ego": True}]},
            r"actors\.0: is where walls\.0 is, 3\.[12] s",
        ),
    ],
)
def test_impossible_is_refused_with_key_and_reason(values, message):
    with pytest.raises(ConfigError, match=message):
        build_scenario(values)


@pytest.mark.parametrize(
    "values",
    [
        {"walls": [WALL]},
        {"walls": [{**WALL, "lateral_m": 8.0}], "drive": {"end_m": 130.0}},  # beside the road
        {"walls": [{**WALL, "canvas": "road_painting"}], "drive": {"end_m": 130.0}},  # is driven over
        {"walls": [{**WALL, "raised_m": 4.0}], "drive": {"end_m": 130.0}},  # is passed below
        {"actors": [{"kind": "truck", "station_m": 60.0, "matches_ego": True}]},
        {"walls": [{**WALL, "height_m": 2.0}, {**WALL, "raised_m": 2.0}]},  # one above the other
        {"walls": [WALL, {**WALL, "canvas": "road_painting"}]},
        {"walls": [{**WALL, "slant_deg": 60.0}], "actors": [{"station_m": 100.0, "lane": 1, "lateral_m": 1.0}]},
        {"actors": [{"kind": "pedestrian", "station_m": 100.0, "lateral_m": -9.0, "heading": "left"}]},
    ],
)
def test_possible_is_accepted(values):
    assert build_scenario(values).name == "scenario"


def test_braking_truck_is_hit_only_where_it_brakes():
    truck = {"kind": "truck", "station_m": 60.0, "matches_ego": True, "change_at_s": 1.0}
    with pytest.raises(ConfigError, match=r"actors\.0: the drive runs into this truck"):
        build_scenario({"actors": [truck]})
    build_scenario({"actors": [truck], "drive": {"duration_s": 2.0}})


@pytest.mark.parametrize("assignment", ["drive.speed_mps", "=3", "walls.0.width_m=[", ""])
def test_assignment_that_is_none_is_refused(assignment):
    with pytest.raises(ConfigError):
        parsed_overrides([assignment])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["walls.2.width_m=3"], r"walls\.2\.width_m: the list has entries 0 to 0"),
        (["actors.0.kind=car"], r"actors\.0\.kind: the scenario has no actors"),
        (["seed.x=1"], r"seed\.x: 5 is no group"),
        (["walls.²=3"], r"walls\.²: the list has entries 0 to 0"),
        (["seed=1", "seed=2"], "seed is given twice"),
    ],
)
def test_override_of_what_is_not_there_is_refused(tmp_path, overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_scenario(written(tmp_path, "seed: 5\nwalls: [{station_m: 90}]\n"), overrides)


def test_refusal_of_a_huge_value_stays_one_line(tmp_path):
    """Nine lists of nine of nine ...: small in the file, large when it is spelt out."""
    names = "abcdefghi"
    nested = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in itertools.pairwise(names)
    )
    file = written(tmp_path, nested + "walls: *i\n")
    with pytest.raises(ConfigError, match=r"unknown setting a; known here: .*walls"):
        load_scenario(file)
    file = written(tmp_path, f"world: {{style: {'y' * 5000}}}\n")
    with pytest.raises(ConfigError, match=r"world\.style is one of") as refusal:
        load_scenario(file)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("text", ["seed: 1\nseed: 2", "world: {style: town, style: suburb}"])
def test_key_that_is_there_twice_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"(seed|style) is given twice"):
        load_scenario(written(tmp_path, text))


def test_more_than_the_renderer_takes_is_refused_with_the_key(tmp_path):
    road = "world: {length_m: 900, style: country, tunnels: [100, 200, 300, 400, 500]}\n"
    with pytest.raises(ConfigError, match=r"world\.tunnels: at most 4"):
        load_scenario(written(tmp_path, road))
    mirrors = "walls: [{canvas: mirror, station_m: 90}, {canvas: mirror, station_m: 95}]\n"
    with pytest.raises(ConfigError, match=r"walls\.1\.canvas: at most one mirror"):
        load_scenario(written(tmp_path, mirrors))


@pytest.mark.parametrize("text", ["[1, 2]", "{", "3: 4", "\0", "? [1, 2]\n: 3", "a: " + 3000 * "[", "seed: 2020-13-40"])
def test_file_that_is_no_scenario_is_refused(tmp_path, text):
    with pytest.raises(ConfigError):
        load_scenario(written(tmp_path, text))


def test_library_is_found_by_name_and_a_wrong_name_gets_a_hint():
    assert find_scenario("demo") == library()["demo"]
    with pytest.raises(ConfigError, match="did you mean painted_wall"):
        find_scenario("painted_wal")
    with pytest.raises(ConfigError, match="there is no such scenario file"):
        find_scenario("nowhere/demo.yaml")
