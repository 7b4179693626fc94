"""One configured perception: intake, pipeline and publishers; what happens to an image between arrival and output."""

from __future__ import annotations

import dataclasses
import math
import traceback
from time import monotonic

from rclpy.node import Node

from perception_fm.config import NodeConfig, PerceptionConfig
from perception_fm.models.loaded import LoadedModel
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.ros.health import NodeHealth
from perception_fm.ros.intake import FrameIntake
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.outputs import Publication
from perception_fm.ros.parameters import current_config
from perception_fm.ros.publishing import Publishers
from perception_fm.ros.step import Step, process_image, unknown_result, without_trust
from perception_fm.ros.transforms import MountingSource
from perception_fm.ros.worker import Arrival, Worker

_CLOCK_TOLERANCE_S = 0.1  # clocks of camera and computer differ by this much without harm


class Perceiver:
    """Lives from configure to cleanup. `perceive` runs in the worker, the rest may be called from any thread."""

    def __init__(
        self, node: Node, config: NodeConfig, model: LoadedModel, mounting: MountingSource, health: NodeHealth
    ) -> None:
        self._node = node
        self._health = health
        self._config = config
        self._model = model
        self._pipeline = self._new_pipeline(config)
        self._publishers = Publishers(node, self._pipeline.model.heads)
        self._logged_refusal = ""
        self.intake = FrameIntake(config, mounting)

    def close(self) -> None:
        """Ends the outputs and frees the model."""
        self._publishers.close()
        self._model.close()

    def perceive(self, arrival: Arrival, worker: Worker) -> None:
        """Turns one image into outputs. Whatever fails, the output of its stamp is then explicitly unknown."""
        self._health.on_work()
        try:
            step = self._step(arrival)
            if worker.is_stopping:
                return
            self._health.on_step(step)
            self._log(step)
            self._publish(step)
        except Exception:  # the thread's boundary: an unforeseen failure must not end the output in silence
            self._node.get_logger().error(f"perception failed and starts anew\n{traceback.format_exc()}")
            if not worker.is_stopping:
                self._start_anew(arrival)
        finally:
            if not worker.is_stopping:
                self._health.on_idle()

    def publish_unknown(self, reason: str) -> None:
        """An explicit unknown output with the present time as stamp, for when there is no image to answer."""
        now_ns = self._node.get_clock().now().nanoseconds
        step = Step(unknown_result(now_ns, self._config.base_frame, reason))
        self._health.on_unknown(step)
        self._send(step, math.nan)

    def _step(self, arrival: Arrival) -> Step:
        config = current_config(self._node, self._config)
        if config is not self._config:
            # A changed setting could contradict what the tracks and the verified road were made with.
            if _pipeline_settings(config) != _pipeline_settings(self._config):
                self._pipeline = self._new_pipeline(config)
            self._config = config
        self._wait_for_others(arrival)
        step = process_image(self.intake, self._pipeline, arrival.message)
        late_s = monotonic() - arrival.arrived_s
        if late_s > config.stale_after_s:
            result = without_trust(step.result, f"the result came {late_s:.2f} s after its image")
            step = dataclasses.replace(step, result=result)
        return step

    def _wait_for_others(self, arrival: Arrival) -> None:
        """Images of one instant come one after the other; a camera that is silent costs no time."""
        stamp, until_s = stamp_ns(arrival.message.header.stamp), arrival.arrived_s + self._config.max_camera_spread_s
        for camera in self.intake.others.values():
            camera.wait_for(stamp, until_s)

    def _publish(self, step: Step) -> None:
        age_s = self._age_s(step.result.stamp_ns)
        if age_s > self._config.latency_error_s:
            reason = f"the image is {age_s:.2f} s old (do clock, stamps and use_sim_time agree?)"
            step = dataclasses.replace(step, result=without_trust(step.result, reason))
        elif age_s < -_CLOCK_TOLERANCE_S:
            reason = f"the image is {-age_s:.2f} s ahead of the clock (do clock, stamps and use_sim_time agree?)"
            step = dataclasses.replace(step, result=without_trust(step.result, reason))
        self._send(step, age_s)

    def _send(self, step: Step, age_s: float) -> None:
        counts = self._health.snapshot().counts
        self._publishers.publish(Publication(step, self._config, counts, age_s, self._pipeline.model))
        self._health.on_published(age_s)

    def _start_anew(self, arrival: Arrival) -> None:
        header = arrival.message.header
        reason = "internal error, see the log of the node"
        step = Step(unknown_result(stamp_ns(header.stamp), header.frame_id, reason), refusal="internal_error")
        self._pipeline = self._new_pipeline(self._config)
        self._health.on_step(step)
        self._publish(step)

    def _new_pipeline(self, config: NodeConfig) -> PerceptionPipeline:
        return PerceptionPipeline(config, self._model.predictor, self._model.refusal)

    def _age_s(self, image_stamp_ns: int) -> float:
        now_ns = self._node.get_clock().now().nanoseconds
        # Zero: simulated time whose first clock message has not come.
        return (now_ns - image_stamp_ns) * 1e-9 if now_ns else math.nan

    def _log(self, step: Step) -> None:
        """One line where images begin to be refused or are accepted again, not one per frame."""
        if step.refusal != self._logged_refusal:
            if step.refusal:
                self._node.get_logger().warning(f"images are refused, {step.refusal}: {step.result.reasons[0]}")
            else:
                self._node.get_logger().info("images are accepted again")
            self._logged_refusal = step.refusal


def _pipeline_settings(config: NodeConfig) -> tuple[object, ...]:
    return tuple(getattr(config, item.name) for item in dataclasses.fields(PerceptionConfig))
