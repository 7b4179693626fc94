"""Short turns put together."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.motion.turn_chain import Turn, TurnChain

STEP_NS = 100_000_000
STEP_RAD, SIGMA_RAD = 0.01, np.array([0.001, 0.002, 0.003])


def yawed(angle_rad: float) -> np.ndarray:
    return Rotation.from_euler("y", angle_rad).as_matrix()


def chain(frames: int, without: int = -1) -> TurnChain:
    """One link a frame to the frame before, but for `without`."""
    links = TurnChain(1.5)
    for number in range(1, frames):
        if number != without:
            links.add(number * STEP_NS, Turn((number - 1) * STEP_NS, yawed(STEP_RAD), SIGMA_RAD))
    return links


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_turns_and_their_sigmas_add_up(steps):
    turn = chain(12).since(11 * STEP_NS, (11 - steps) * STEP_NS)
    assert turn is not None
    assert turn.stamp_ns == (11 - steps) * STEP_NS
    np.testing.assert_allclose(turn.rotation, yawed(steps * STEP_RAD), atol=1e-12)
    np.testing.assert_allclose(turn.sigma_rad, steps * SIGMA_RAD)


@pytest.mark.parametrize(("wanted_steps", "reached_steps"), [(4.4, 4), (4.6, 5), (0.2, 1)])
def test_it_ends_at_the_nearest_frame_of_the_chain(wanted_steps, reached_steps):
    turn = chain(12).since(11 * STEP_NS, round((11 - wanted_steps) * STEP_NS))
    assert turn is not None
    assert turn.stamp_ns == (11 - reached_steps) * STEP_NS


def test_rotations_are_put_together_in_order():
    links = TurnChain(1.5)
    pitched = Rotation.from_euler("x", 0.3).as_matrix()
    links.add(STEP_NS, Turn(0, pitched, SIGMA_RAD))
    links.add(2 * STEP_NS, Turn(STEP_NS, yawed(0.5), SIGMA_RAD))
    turn = links.since(2 * STEP_NS, 0)
    assert turn is not None
    np.testing.assert_allclose(turn.rotation, yawed(0.5) @ pitched, atol=1e-12)  # what was earlier comes first


def test_without_a_link_it_ends_before_the_gap_or_is_not_there():
    broken = chain(12, without=8)
    turn = broken.since(11 * STEP_NS, STEP_NS)
    assert turn is not None
    assert turn.stamp_ns == 8 * STEP_NS  # the rest is for odometry
    assert chain(12, without=11).since(11 * STEP_NS, STEP_NS) is None
    links = chain(12)
    links.reset()
    assert links.since(11 * STEP_NS, STEP_NS) is None


def test_old_links_are_forgotten():
    turn = chain(40).since(39 * STEP_NS, 0)
    assert turn is not None
    assert 39 * STEP_NS - turn.stamp_ns <= 1.7e9
