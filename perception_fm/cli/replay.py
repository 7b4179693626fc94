"""`perception-fm replay`: publish a bag on its topics."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from perception_fm.bags.reader import BagReader

if TYPE_CHECKING:
    from perception_fm.ros.replay import BagReplay

_BAR = "{desc} {bar} {n:.1f} of {total:.1f} s"


@click.command(name="replay")
@click.argument("bag", type=click.Path(path_type=Path))
@click.option("-r", "--rate", type=click.FloatRange(0.01, 100.0), default=1.0, show_default=True,
              help="Bag seconds per second.")
@click.option("-l", "--loop", "is_looping", is_flag=True, help="Begin again at the end; /clock jumps back.")
@click.option("--start-offset", type=click.FloatRange(min=0.0), default=0.0, metavar="SECONDS",
              help="Leave out the beginning, but for latched topics such as /tf_static.")
@click.option("--topics", metavar="TOPIC", multiple=True, help="Play this topic only; give it again for more topics.")
@click.option("--wait-for-subscribers", type=click.FloatRange(min=0.0), metavar="SECONDS",
              help="Begin when somebody subscribed; give up after SECONDS (inf: never).")
def command(
    bag: Path, rate: float, is_looping: bool, start_offset: float, topics: tuple[str, ...],
    wait_for_subscribers: float | None,
) -> None:
    """Publish the messages of BAG on their topics, as recorded, with the recorded quality of service, and /clock.

    Run whoever listens with the parameter use_sim_time set to true. /clock runs at 40 Hz and shows the time of each
    message when that is published. Topics whose message type is not installed are named and left out. Ctrl-C ends it.
    """
    import rclpy  # ROS is imported only when it is needed, so that --help is instant
    from rclpy.signals import SignalHandlerOptions

    from perception_fm.ros.replay import BagReplay, ReplayOptions
    from perception_fm.ros.transport import use_image_transport

    use_image_transport()
    with BagReader(bag) as reader:
        # Without rclpy's handlers Ctrl-C is a KeyboardInterrupt and the publishers outlive it until they are flushed.
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        # Nobody spins this node, so it must offer no services that would never answer.
        node = rclpy.create_node("bag_replay", start_parameter_services=False)
        try:
            replay = BagReplay(node, reader, ReplayOptions(rate, start_offset, topics))
            for line in replay.skipped:
                click.echo(f"not played: {line}", err=True)
            _play(replay, is_looping, wait_for_subscribers)
        finally:
            node.destroy_node()
            rclpy.try_shutdown()


def _play(replay: BagReplay, is_looping: bool, wait_s: float | None) -> None:
    """Passes through the bag until the end, or until Ctrl-C, which is the way to end a loop and so no failure."""
    try:
        if wait_s is not None:
            replay.wait_for_subscribers(wait_s)
        for number in itertools.count(1) if is_looping else (1,):
            name = f"pass {number}" if is_looping else "bag time"
            # disable=None: a bar on a terminal only, nothing in the log of a launch.
            with tqdm(total=round(replay.duration_s, 1), desc=name, bar_format=_BAR, disable=None, leave=False) as bar:
                replay.play(lambda elapsed_s, bar=bar: bar.update(round(elapsed_s, 1) - bar.n))
        replay.flush()
        ending = "played"
    except KeyboardInterrupt:
        ending = "stopped after"
    click.echo(f"{ending} {replay.published} messages on {len(replay.topics)} topics")
