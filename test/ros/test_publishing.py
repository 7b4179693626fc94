"""What is published leaves in order, pictures last, and nothing fails in silence."""

from __future__ import annotations

import pytest
from std_msgs.msg import String

from perception_fm.config import NodeConfig
from perception_fm.ros import publishing
from perception_fm.ros.outputs import OUTPUTS, Output, Publication
from perception_fm.ros.publishing import Publishers
from perception_fm.ros.step import Step, unknown_result

PUBLICATION = Publication(Step(unknown_result(0, "camera", "none")), NodeConfig())


class Sink:
    """A node whose publishers write down what they are given."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def create_publisher(self, message_type, topic, qos):
        return Topic(self, topic)

    def destroy_publisher(self, publisher) -> None:
        publisher.is_open = False


class Topic:
    def __init__(self, node: Sink, name: str) -> None:
        self.node, self.name, self.is_open = node, name, True

    def get_subscription_count(self) -> int:
        return 1

    def publish(self, message) -> None:
        assert self.is_open
        self.node.sent.append(message if isinstance(message, bytes) else message.data)


def publishers_of(monkeypatch: pytest.MonkeyPatch, *outputs: Output) -> tuple[Publishers, Sink]:
    node = Sink()
    monkeypatch.setattr(publishing, "outputs_for", lambda heads: outputs)
    return Publishers(node, ()), node


def said(text: str) -> Output:
    return Output(text, String, lambda publication: String(data=text))


def test_messages_leave_in_order_and_none_after_closing(monkeypatch):
    publishers, node = publishers_of(monkeypatch, said("a"), said("b"))
    publishers.publish(PUBLICATION)
    assert node.sent == ["a", "b"]
    publishers.close()
    publishers.publish(PUBLICATION)
    assert len(node.sent) == 2


def test_one_that_fails_raises_after_those_before_it_have_left(monkeypatch):
    def fail(publication):
        raise ValueError("no ink")

    publishers, node = publishers_of(monkeypatch, said("a"), Output("picture", String, fail))
    with pytest.raises(ValueError, match="no ink"):
        publishers.publish(PUBLICATION)
    assert node.sent == ["a"]
    publishers.close()


def test_pictures_come_last():
    topics = [output.topic for output in OUTPUTS]
    assert topics[-2:] == ["overlay", "birds_eye"]


def test_packed_bytes_are_sent_in_place_of_the_message(monkeypatch):
    output = Output("a", String, lambda p: String(data="a"), pack=lambda p: b"packed")
    publishers, node = publishers_of(monkeypatch, output)
    publishers.publish(PUBLICATION)
    assert node.sent == [b"packed"]
    publishers.close()
