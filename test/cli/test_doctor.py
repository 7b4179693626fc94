"""The doctor names what is missing, what follows and how to mend it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from perception_fm.cli import EXIT_CHECK_FAILED, doctor, main
from perception_fm.cli.doctor import Finding, Verdict, diagnose


def without(*missing: str) -> Callable[[str], object]:
    def find(name: str) -> object:
        if name in missing:
            raise ModuleNotFoundError(name)
        if name == "rclpy":
            return SimpleNamespace(utilities=SimpleNamespace(get_rmw_implementation_identifier=lambda: "rmw_test"))
        return SimpleNamespace(__version__="9.9")

    return find


def finding(findings: list[Finding], name: str) -> Finding:
    return next(item for item in findings if item.name == name)


def test_complete_machine_has_nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "LARGE_DATA")
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    findings = diagnose(without())
    assert {item.verdict for item in findings} == {Verdict.OK}
    assert finding(findings, "ROS middleware").detail.startswith("rmw_test")


@pytest.mark.parametrize("name", ["rclpy", "perception_fm_msgs.msg", "cv2", "rosbags"])
def test_essential_module_missing_comes_with_its_mend(name: str) -> None:
    item = finding(diagnose(without(name)), name)
    assert item.verdict is Verdict.MISSING
    assert item.mend


@pytest.mark.parametrize("name", ["tf2_ros", "cv_bridge", "vision_msgs", "onnxruntime"])
def test_optional_module_missing_is_a_warning_with_its_consequence(name: str) -> None:
    item = finding(diagnose(without(name)), name)
    assert item.verdict is Verdict.WARN
    assert item.mend
    assert len(item.detail) > len("not found: ")


def test_broken_module_is_reported_with_its_own_words() -> None:
    def find(name: str) -> object:
        if name == "av":
            raise OSError("libavcodec.so: cannot open\nsecond line")
        return without()(name)

    item = finding(diagnose(find), "av")
    assert item.verdict is Verdict.MISSING
    assert "libavcodec.so: cannot open" in item.detail
    assert "\n" not in item.detail


def test_old_opencv_is_missing_and_the_oldest_supported_is_not() -> None:
    for version, verdict in (("4.4.0", Verdict.MISSING), ("4.5.4", Verdict.OK), ("5.0.0-pre", Verdict.OK)):
        assert doctor._opencv_version(lambda name, v=version: SimpleNamespace(__version__=v)).verdict is verdict


def test_default_transport_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FASTDDS_BUILTIN_TRANSPORTS", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    item = finding(diagnose(without()), "Fast DDS transport")
    assert item.verdict is Verdict.WARN
    assert "config/fastdds.xml" in item.mend


def test_other_middleware_than_asked_for_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_other")
    assert finding(diagnose(without()), "ROS middleware").verdict is Verdict.WARN


def test_exit_status_tells_whether_something_essential_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = [Finding("a", Verdict.OK, "1"), Finding("b", Verdict.WARN, "2", "do")]
    monkeypatch.setattr(doctor, "diagnose", lambda: warned)
    assert main(["doctor"]) == 0
    assert "mend: do" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "diagnose", lambda: [Finding("b", Verdict.MISSING, "2", "do")])
    assert main(["doctor"]) == EXIT_CHECK_FAILED
    assert "missing: b" in capsys.readouterr().out


def test_real_machine_can_be_examined() -> None:
    assert finding(diagnose(importlib.import_module), "numpy").verdict is Verdict.OK
