"""How much faster to the left the vehicle turns than odometry says: a bias, as a gyro's, learned from tracks."""

from __future__ import annotations

import math

_START_SIGMA_RPS = math.radians(1.0)
_DRIFT_RPS_PER_SQRT_S = math.radians(0.05)
_NOISE_RPS = math.radians(0.2)
_INDEPENDENT_S = 0.2
_STRAIGHT_RPS, _MOST_RPS = math.radians(0.5), math.radians(1.5)
_CONSENSUS = 0.8
_OWN_SIGMA_RPS, _SCALE_SIGMA = math.radians(0.15), 0.05  # of odometry beside the bias: noise, and a share of the turn


class YawBias:
    """A Kalman filter of one constant.

    What stands still in the picture for another reason (drops on the windscreen, a lorry beside us, lane lines that
    tracks slide along) says that nothing turns. On a straight road that is true; in a bend it parts the tracks in two
    camps, and then nothing is learned.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was learned."""
        self.rps, self._sigma_rps = 0.0, _START_SIGMA_RPS

    def sigma_rps(self, yaw_rate_rps: float) -> float:
        """Standard deviation of odometry's yaw rate with the bias taken off."""
        return math.sqrt(self._sigma_rps**2 + _OWN_SIGMA_RPS**2 + (_SCALE_SIGMA * yaw_rate_rps) ** 2)

    def learn(self, off_rps: float, yaw_rate_rps: float, consensus: float, dt_s: float) -> None:
        """Take what the tracks say, of which a share `consensus` agrees: that the vehicle turns faster by `off_rps`
        than odometry says, whose rate is `yaw_rate_rps` with the bias taken off."""
        self._sigma_rps = math.hypot(self._sigma_rps, _DRIFT_RPS_PER_SQRT_S * math.sqrt(dt_s))
        told_rps = yaw_rate_rps - self.rps
        is_straight = abs(yaw_rate_rps + off_rps) < _STRAIGHT_RPS and abs(told_rps) < _MOST_RPS
        if not (is_straight or consensus >= _CONSENSUS) or dt_s <= 0.0:
            return
        noise = _NOISE_RPS**2 * max(_INDEPENDENT_S / dt_s, 1.0)
        gain = self._sigma_rps**2 / (self._sigma_rps**2 + noise)
        self.rps += gain * off_rps
        self._sigma_rps *= math.sqrt(1.0 - gain)
