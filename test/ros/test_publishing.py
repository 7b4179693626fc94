"""What is published leaves in order, pictures beside the rest, and nothing fails in silence."""

from __future__ import annotations

import threading

import pytest
from std_msgs.msg import String

from perception_fm.config import NodeConfig
from perception_fm.ros import publishing
from perception_fm.ros.outputs import Output, Publication
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


def test_picture_is_drawn_beside_what_follows_it_and_has_left_on_return(monkeypatch):
    next_has_left = threading.Event()

    def draw(publication):
        assert next_has_left.wait(10.0)
        return String(data="picture")

    def build(publication):
        next_has_left.set()
        return String(data="message")

    picture = Output("picture", String, draw, is_beside=True)
    publishers, node = publishers_of(monkeypatch, picture, Output("message", String, build))
    publishers.publish(PUBLICATION)
    assert sorted(node.sent) == ["message", "picture"]
    publishers.close()
    publishers.publish(PUBLICATION)
    assert len(node.sent) == 2


def test_picture_that_fails_raises_after_all_others_have_left(monkeypatch):
    def fail(publication):
        raise ValueError("no ink")

    picture = Output("picture", String, fail, is_beside=True)
    publishers, node = publishers_of(monkeypatch, picture, Output("a", String, lambda p: String(data="a")))
    with pytest.raises(ValueError, match="no ink"):
        publishers.publish(PUBLICATION)
    assert node.sent == ["a"]
    publishers.close()


def test_packed_bytes_are_sent_in_place_of_the_message(monkeypatch):
    output = Output("a", String, lambda p: String(data="a"), pack=lambda p: b"packed")
    publishers, node = publishers_of(monkeypatch, output)
    publishers.publish(PUBLICATION)
    assert node.sent == [b"packed"]
    publishers.close()
