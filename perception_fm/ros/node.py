"""`perception_node`: a lifecycle node around the pipeline. Lifecycle and wiring live here, decisions elsewhere."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType, JumpHandle, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.executors import InvalidHandle, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from perception_fm.errors import PerceptionError
from perception_fm.models.loaded import load_model
from perception_fm.ros.diagnostics import DIAGNOSTICS_PERIOD_S, diagnostic_array
from perception_fm.ros.health import NodeHealth
from perception_fm.ros.inputs import Inputs
from perception_fm.ros.intake import MAX_IMAGE_GAP_NS
from perception_fm.ros.parameters import current_config, declare_parameters
from perception_fm.ros.perceiver import Perceiver
from perception_fm.ros.qos import output_qos
from perception_fm.ros.transforms import NoTransforms, TfTransforms, open_transforms
from perception_fm.ros.worker import SWITCH_INTERVAL_S, Arrival, Worker

_WATCHDOG_PERIOD_S = 0.1  # an explicit unknown goes out at most this much after its time
_AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"  # Python's words for a closed pool of threads
_THREADS = 4  # transitions, inputs, health, and one for parameter services

Transition = Callable[["PerceptionNode", LifecycleState], TransitionCallbackReturn]


def _reported(transition: Transition) -> Transition:
    """rclpy swallows what a transition raises; here it is logged, and a refusal (no bug) only fails the transition."""

    @functools.wraps(transition)
    def wrapped(node: PerceptionNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except PerceptionError as error:
            node.get_logger().error(f"{transition.__name__}: {error}")
            node.health.on_lifecycle(f"{state.label}: {transition.__name__} failed: {error}", has_failed=True)
            return TransitionCallbackReturn.FAILURE
        except Exception:
            node.get_logger().error(f"{transition.__name__}\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    return wrapped


class PerceptionNode(LifecycleNode):
    """Raises `ConfigError` when made with a parameter that is unknown or out of range."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("perception_node", **arguments)
        self.config = declare_parameters(self)
        self.health = NodeHealth()
        self._perceiver: Perceiver | None = None
        self._inputs: Inputs | None = None
        self._worker: Worker | None = None
        self._transforms: TfTransforms | NoTransforms | None = None
        self._jump_handle: JumpHandle | None = None
        # The default group stands still during a transition and simulated time may not run at all; diagnostics and the
        # watchdog must go on, so they have a group and a clock of their own.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        group = MutuallyExclusiveCallbackGroup()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", output_qos())
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, callback_group=group, clock=steady)
        self.create_timer(_WATCHDOG_PERIOD_S, self._watch, callback_group=group, clock=steady)

    @_reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model, which may take minutes where an engine has to be built; builds the pipeline and outputs."""
        self.health.on_lifecycle("configuring: building the pipeline")
        model = load_model(self.config.model, self.config.backend, self._on_model_progress)
        if model.refusal:
            self.get_logger().error(f"geometry only, model {self.config.model} is refused: {model.refusal}")
        self.health.on_model(model.state)
        self._transforms = open_transforms(self, self.config.base_frame)
        self._perceiver = Perceiver(self, self.config, model, self._transforms, self.health)
        threshold = JumpThreshold(
            min_forward=Duration(nanoseconds=MAX_IMAGE_GAP_NS), min_backward=Duration(nanoseconds=-1)
        )
        self._jump_handle = self.get_clock().create_jump_callback(threshold, post_callback=self._on_clock_jump)
        self.health.on_lifecycle("inactive")
        return TransitionCallbackReturn.SUCCESS

    @_reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and begins to work."""
        assert self._perceiver is not None  # the lifecycle allows activation after configuration only
        self._perceiver.intake.reset("the node was activated")
        self._worker = Worker(self._perceiver.perceive)
        self._worker.start()
        self.health.on_activated()
        self._inputs = Inputs(self, self.config, self._perceiver.intake, self._on_image)
        return super().on_activate(state)

    @_reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops; the last output says that nothing is known any more."""
        if not self._stop_working("the node was deactivated"):
            self.get_logger().error("the worker is stalled; perception is built anew with the next configure")
            return TransitionCallbackReturn.ERROR
        self.health.on_lifecycle("inactive")
        return super().on_deactivate(state)

    @_reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured."""
        self._release()
        self.health.on_lifecycle("unconfigured")
        return TransitionCallbackReturn.SUCCESS

    @_reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """The end, from any state."""
        self._stop_working("the node was shut down")
        self._release()
        self.health.on_lifecycle("finalized")
        return TransitionCallbackReturn.SUCCESS

    @_reported
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After a failed transition: back to unconfigured, from where it can be tried again."""
        self._stop_working("the node failed")
        self._release()
        self.health.on_lifecycle("unconfigured after an error, see the log of the node", has_failed=True)
        return TransitionCallbackReturn.SUCCESS

    def start_up(self) -> None:
        """Configures and activates without being asked; on failure the node stays where it is and says so."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def shut_down(self) -> None:
        """The clean end of the process, from any state, also in the middle of a transition."""
        with contextlib.suppress(RuntimeError):  # rclpy's for a transition that this state does not have
            self.trigger_shutdown()
        self._stop_working("the node was shut down")
        self._release()

    def _on_image(self, message: Image | CompressedImage) -> None:
        worker = self._worker
        if worker is not None:
            self.health.on_image(worker.put(Arrival(message, monotonic())))

    def _on_model_progress(self, text: str) -> None:
        self.health.on_lifecycle(f"configuring: {text}")

    def _on_clock_jump(self, jump: TimeJump) -> None:
        if self._transforms is not None:
            self._transforms.clear()
        if self._perceiver is not None:
            self._perceiver.intake.reset("the clock jumped")

    def _publish_diagnostics(self) -> None:
        self.config = current_config(self, self.config)
        now = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_array(self.health.snapshot(), self.config, self.get_name(), now))

    def _watch(self) -> None:
        """Says unknown where nothing was published for too long, and follows the image publisher's QoS."""
        health, perceiver, inputs = self.health.snapshot(), self._perceiver, self._inputs
        if not health.is_active or perceiver is None or inputs is None:
            return
        inputs.adopt_publishers()
        if health.silent_s > self.config.stale_after_s:
            perceiver.publish_unknown(health.silence_reason(self.config.stale_after_s))

    def _stop_working(self, reason: str) -> bool:
        """Ends inputs and worker and publishes the last unknown; False where the worker is stalled."""
        inputs, self._inputs = self._inputs, None
        worker, self._worker = self._worker, None
        if inputs is not None:
            inputs.close()
        if worker is None:
            return True
        is_stopped = worker.stop()
        self.health.on_deactivated()
        if self._perceiver is not None:
            self._perceiver.publish_unknown(reason)
        return is_stopped

    def _release(self) -> None:
        perceiver, self._perceiver = self._perceiver, None
        transforms, self._transforms = self._transforms, None
        jump_handle, self._jump_handle = self._jump_handle, None
        for item in (perceiver, transforms):
            if item is not None:
                item.close()
        if jump_handle is not None:
            jump_handle.unregister()


def main(args: list[str] | None = None) -> int:
    """Runs the node until Ctrl-C or SIGTERM; exit status 0, 1 after an internal failure, 2 for refused parameters."""
    stop = threading.Event()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # The main thread waits where Python hears signals at once, and the node can still publish when it ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = PerceptionNode()
    except (PerceptionError, RuntimeError) as error:  # RuntimeError: rclpy's for a parameter file it cannot read
        print(f"perception_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = MultiThreadedExecutor(num_threads=_THREADS)
    executor.add_node(node)
    failures: list[Exception] = []
    spinner = threading.Thread(target=_spin, args=(executor, stop, failures), name="executor")
    spinner.start()
    if node.config.autostart:
        node.start_up()
    stop.wait()
    # A second SIGINT (a terminal's and then ros2 launch's) must not kill the process while the interpreter ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node.shut_down()
    executor.shutdown()
    spinner.join()
    node.destroy_node()
    rclpy.try_shutdown()
    return 1 if failures else 0


def _spin(executor: MultiThreadedExecutor, stop: threading.Event, failures: list[Exception]) -> None:
    try:
        while True:
            try:
                executor.spin()
                break
            except InvalidHandle:
                # A transition destroyed a subscription while the executor was collecting its events; rclpy guards the
                # subscription itself against that but not the event handlers beside it. The next round is without it.
                continue
    except Exception as error:
        if stop.is_set() and _AFTER_SHUTDOWN in str(error):
            return  # the executor was shut down between taking a callback and handing it to its threads
        # A callback failed: the process ends, and whoever launched it may start it again.
        traceback.print_exc()
        failures.append(error)
    finally:
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
