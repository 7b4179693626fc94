"""Many scenarios from one file: combinations, balance, names, and splits that share no world."""

from collections import Counter

import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.cases import cases, find_case
from perception_fm.synth.scenario.library import library

PLAN = """
walls: [{station_m: 100, width_m: 4}]
matrix:
  axes:
    speed: {slow: {drive.speed_mps: 5}, fast: {drive.speed_mps: 20, drive.start_m: 20}}
    walls.0.slant_deg: [0, 30, -60]
"""
BALANCED = (
    PLAN.replace("matrix:", "matrix:\n  design: balanced")
    + """
split:
  dev: {seeds: {first: 10, count: 12}}
  test: {seeds: [1000003, 1000001]}
"""
)


def plan(tmp_path, text: str):
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    return file


def test_all_combinations_come_in_a_stable_order(tmp_path):
    found = cases(plan(tmp_path, PLAN))
    names = ["0-slow-slant_deg0", "1-slow-slant_deg30", "2-slow-slant_deg-60", "3-fast-slant_deg0"]
    assert [case.name for case in found][:4] == names
    assert len(found) == 6
    scenario = found[4].scenario()
    assert (scenario.drive.speed_mps, scenario.drive.start_m, scenario.walls[0].slant_deg) == (20.0, 20.0, 30.0)
    assert scenario.name == "plan-4-fast-slant_deg30"


def test_file_without_a_plan_is_one_case(tmp_path):
    found = cases(plan(tmp_path, "seed: 4\n"))
    assert [(case.name, case.seed, case.split) for case in found] == [("0", 4, "")]
    assert (found[0].scenario().seed, found[0].scenario().name) == (4, "plan")


def test_balanced_design_has_every_value_equally_often_and_one_case_per_seed(tmp_path):
    found = cases(plan(tmp_path, BALANCED), "dev")
    assert [case.seed for case in found] == list(range(10, 22))
    slants = Counter(case.scenario().walls[0].slant_deg for case in found)
    assert slants == {0.0: 4, 30.0: 4, -60.0: 4}
    assert [case.name for case in cases(plan(tmp_path, BALANCED), "dev")] == [case.name for case in found]


def test_prints_and_actors_get_the_seed_of_the_case(tmp_path):
    case = cases(plan(tmp_path, BALANCED), "test")[0]
    assert case.scenario().walls[0].seed == case.seed == 1000003
    assert case.scenario(["walls.0.seed=7"]).walls[0].seed == 7


def test_case_is_found_by_number_and_name(tmp_path):
    file = plan(tmp_path, PLAN)
    assert find_case(file, None, None).number == 0
    assert find_case(file, None, "2").name == find_case(file, None, "2-slow-slant_deg-60").name
    with pytest.raises(ConfigError, match="there is no case 9"):
        find_case(file, None, "9")


def test_seed_outside_of_the_split_is_refused(tmp_path):
    case = cases(plan(tmp_path, BALANCED), "dev")[0]
    assert case.scenario(["seed=77"]).seed == 77
    with pytest.raises(ConfigError, match="seed: the split dev has seeds 0 to 999999"):
        case.scenario(["seed=1000001"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split: {dev: {seeds: [1000000]}}", r"split\.dev\.seeds: this split has seeds 0 to 999999, got 1000000"),
        ("split: {test: {seeds: [5]}}", r"split\.test\.seeds: this split has seeds 1000000 to 1999999, got 5"),
        ("split: {dev: {seeds: [1, 1]}}", "a seed is given twice"),
        ("split: {dev: {seeds: []}}", "list of whole numbers"),
        ("split: {dev: {seeds: {first: 1, count: 0}}}", "list of whole numbers"),
        ("split: {train: {seeds: [1]}}", "split holds dev and test"),
        ("matrix: {axis: {}}", "matrix holds design and axes"),
        ("matrix: {design: some}", "matrix.design is one of"),
        ("matrix: {axes: {seed: 3}}", r"matrix\.axes\.seed is a list"),
        ("matrix: {axes: {a: {b: 3}}}", r"matrix\.axes\.a\.b holds settings"),
    ],
)
def test_plan_that_makes_no_sense_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        cases(plan(tmp_path, text))


def test_impossible_case_is_refused_by_name(tmp_path):
    file = plan(tmp_path, "matrix: {axes: {drive.end_m: [100, 900]}}")
    found = cases(file)
    found[0].scenario()
    with pytest.raises(ConfigError, match=r"case 1-end_m900: drive\.end_m: 900 m is beyond the road"):
        found[1].scenario()


def test_split_that_the_file_lacks_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="plan has no split test; it has none"):
        cases(plan(tmp_path, PLAN), "test")


def test_every_case_of_the_library_is_possible_and_splits_share_no_world():
    cases("demo")[0].scenario()
    used: dict[str, set[int]] = {"dev": set(), "test": set()}
    for name in sorted(set(library()) - {"demo"}):
        for split, seeds in used.items():
            for case in cases(name, split):
                scenario = case.scenario()
                seeds |= {scenario.seed, *(part.seed for part in (*scenario.walls, *scenario.actors))}
    assert used["dev"]
    assert used["test"]
    assert not used["dev"] & used["test"]
