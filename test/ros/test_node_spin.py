"""What the spinning thread of the node survives, and what ends the process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from rclpy.executors import InvalidHandle

from perception_fm.ros import node


class Executor:
    """Raises what it is given, one per spin, and then returns as after a shutdown."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def spin(self):
        if self.errors:
            raise self.errors.pop(0)


def spin(executor):
    stop, failures = threading.Event(), []
    node._spin(executor, stop, failures)
    assert stop.is_set()
    return failures


def test_subscription_destroyed_by_a_transition_does_not_end_the_process():
    executor = Executor(InvalidHandle("destruction was requested"), InvalidHandle("destruction was requested"))
    assert spin(executor) == []
    assert executor.errors == []


def test_executor_that_is_shut_down_with_a_callback_in_hand_is_a_clean_end():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    class Closed(Executor):
        def spin(self):
            pool.submit(print)

    stop, failures = threading.Event(), []
    stop.set()
    node._spin(Closed(), stop, failures)
    assert failures == []
    assert [type(error) for error in spin(Closed())] == [RuntimeError]  # nobody asked for an end


def test_failed_callback_ends_the_process_as_a_failure():
    error = ZeroDivisionError("a bug")
    assert spin(Executor(error)) == [error]
