"""The demo: what counts as an answer of the live node, and one short clip through a real node process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from perception_fm.bags.writer import BagWriter
from perception_fm.cli import EXIT_CHECK_FAILED, main
from perception_fm.cli.demo import CLIP, contradiction_lines, live_lines
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.results import summarise
from perception_fm.ros import live_demo
from perception_fm.ros.live_demo import LiveAnswers, play_to_live_node
from perception_fm.ros.node_process import NodeProcess
from perception_fm_msgs.msg import (
    FakeWallEvidence,
    FakeWallReport,
    FreeSpace,
    Obstacle,
    ObstacleArray,
    PerceptionStatus,
    StageLatency,
)


def answers_for(stamps: list[int], played: list[int], **changes: Any) -> LiveAnswers:
    """Complete outputs at `stamps` while images with the stamps `played` went in."""
    answers = LiveAnswers(frozenset(played))
    for stamp in stamps:
        answers.outputs["fake_wall"][stamp] = FakeWallReport(state=changes.get("state", FakeWallReport.UNVERIFIED))
        answers.outputs["free_space"][stamp] = FreeSpace(verified_free_distance_m=changes.get("free_m", 0.0))
        answers.outputs["obstacles"][stamp] = ObstacleArray(obstacles=changes.get("obstacles", []))
        answers.outputs["status"][stamp] = PerceptionStatus(
            stamp_to_publish_age_s=0.02, dropped_count=1, model="mine", backend="onnxruntime", precision="fp32",
            latency=[StageLatency(stage="network", latency_ms=ms) for ms in changes.get("network_ms", [])],
        )  # fmt: skip
    return answers


def test_only_images_with_every_output_count_as_answered() -> None:
    answers = answers_for([10, 20, 30], played=[10, 20, 30, 40])
    del answers.outputs["obstacles"][20]
    assert answers.answered_ns == [10, 30]


def test_claim_at_a_stamp_that_no_image_has_is_foreign_and_an_unknown_there_is_not() -> None:
    assert answers_for([10, 15], played=[10]).foreign_claims == 0
    assert answers_for([10, 15], played=[10], free_m=5.0).foreign_claims == 1
    assert answers_for([10, 15], played=[10], state=FakeWallReport.OBSTACLE).foreign_claims == 1
    assert answers_for([10], played=[10], free_m=5.0, state=FakeWallReport.FREE_VERIFIED).foreign_claims == 0


def test_first_confirmed_obstacle_is_told_with_its_time() -> None:
    seconds = [1_000_000_000 * number for number in range(1, 5)]
    answers = answers_for(seconds, played=seconds)
    answers.outputs["obstacles"][seconds[1]].obstacles = [Obstacle(distance_m=50.0, is_confirmed=False)]
    answers.outputs["obstacles"][seconds[2]].obstacles = [
        Obstacle(distance_m=40.0, distance_sigma_m=0.5, ttc_s=4.0, is_confirmed=True, is_in_path=True)
    ]
    text = "\n".join(live_lines(answers))
    assert "first confirmed at 40.0 +- 0.5 m, time to contact 4.0 s, 2.0 s into the clip" in text
    assert "4 played, 0 received, 4 answered, 1 dropped" in text
    assert "median 20 ms" in text


def test_the_strongest_claim_of_the_depth_is_told() -> None:
    answers = answers_for([10, 20, 30], played=[10, 20, 30])
    assert answers.strongest_claim() == []
    for stamp, ratio in ((10, 1.0), (20, 4.0), (30, 2.0)):
        report = answers.outputs["fake_wall"][stamp]
        report.distance_m, report.ttc_s = float(stamp), 0.1 * stamp
        kind = FakeWallEvidence.CUE_DEPTH_CONTRADICTION
        words = f"learned depth {3 * stamp} m there"
        report.evidence = [
            FakeWallEvidence(cue=kind, is_available=True, log_likelihood_ratio=ratio, description=words),
            FakeWallEvidence(cue=FakeWallEvidence.CUE_SEMANTICS, is_available=True, log_likelihood_ratio=9.0),
        ]
    answers.outputs["fake_wall"][30].evidence[0].is_available = False
    line = "wall: measured at 20.0 m, time to contact 2.0 s; learned depth 60 m there"
    assert line in live_lines(answers)


def test_the_contradiction_is_told_whatever_the_state_is() -> None:
    known = {
        "state": "OBSTACLE", "distance_m": 42.0, "distance_sigma_m": 0.6, "ttc_s": 3.7, "learned_depth_m": 61.4,
        "log_ratio": 4.9, "named_from": 6.91,
    }  # fmt: skip
    first, second = contradiction_lines(known)
    assert first == "depth at the obstacle: the network says 61 m, measured 42.0 +- 0.6 m, 3.7 s away"
    assert second == "state there: OBSTACLE (log ratio 4.9, named FAKE_WALL from 6.9 on); both stop the vehicle"
    assert contradiction_lines(None) == ["depth at the obstacle: the network says none"]


def test_network_is_told_with_its_time() -> None:
    answers = answers_for([10, 20], played=[10, 20], network_ms=[12.0])
    assert "network: mine in onnxruntime, fp32, median 12 ms a frame" in live_lines(answers)
    assert "network: none, geometry only" in live_lines(answers_for([10], played=[10]))


def test_silence_and_foreign_claims_fail_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("perception_fm.ros.bag_run.run_bag", lambda *_, **__: {"summary": EMPTY_SUMMARY})
    for answers, text in (
        (answers_for([], played=[10]), "no image got all of its outputs"),
        (answers_for([10, 15], played=[10], free_m=5.0), "1 outputs claim something at stamps that no image has"),
    ):
        monkeypatch.setattr(live_demo, "play_to_live_node", lambda bag, model, on_time, answers=answers: answers)
        assert main(["demo", "-o", str(tmp_path / "out")]) == EXIT_CHECK_FAILED
        assert text in capsys.readouterr().out
    answers = answers_for([10], played=[10])
    monkeypatch.setattr(live_demo, "play_to_live_node", lambda bag, model, on_time: answers)
    assert main(["demo", "-o", str(tmp_path / "out")]) == 0


EMPTY_SUMMARY = summarise([])


def test_the_clip_ships_with_the_package() -> None:
    assert (CLIP / "metadata.yaml").is_file()
    assert sum(path.stat().st_size for path in CLIP.iterdir()) < 8_000_000


def test_node_that_refuses_its_parameters_is_named_with_its_own_words() -> None:
    with NodeProcess({"vehicle.width_m": 99.0}, {}) as process:
        assert process._process is not None
        process._process.wait(60.0)
        with pytest.raises(PerceptionError, match=r"ended with status 2: perception_node: vehicle\.width_m"):
            process.check()


def test_live_node_answers_a_played_bag_with_its_stamps(tmp_path: Path, messages: Any) -> None:
    path = tmp_path / "bag"
    stamps = [messages.start_ns + number * 200_000_000 for number in range(6)]
    with BagWriter(path) as writer:
        for stamp in stamps:
            for topic, message, kind in (
                ("/camera/front/camera_info", messages.camera_info(), "sensor_msgs/msg/CameraInfo"),
                ("/odometry", messages.odometry(stamp), "nav_msgs/msg/Odometry"),
                ("/camera/front/image_raw", messages.image(stamp), "sensor_msgs/msg/Image"),
            ):
                writer.write(topic, stamp, serialize_message(message), kind)
    answers = play_to_live_node(path, "bundled")
    assert answers.image_stamps_ns == frozenset(stamps)
    # Tiny images five times a second: every one can be answered, and not one output may carry another stamp.
    assert answers.answered_ns == stamps
    assert answers.foreign_claims == 0
    assert answers.network().startswith("bundled in ")
    assert np.isfinite(answers.ages_s).all()
