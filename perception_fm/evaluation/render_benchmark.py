"""What ground truth, camera and writing cost on top of a bare picture of the synthetic world."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.benchmark import Timing
from perception_fm.synth.dataset.sample_codec import CHANNELS, encode
from perception_fm.synth.dataset.shard import write_shard
from perception_fm.synth.dataset.source import sample_of
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.scenario.scenario import build_scenario
from perception_fm.synth.simulation import Simulation

Step = Callable[[int], object]

# A street with a painted wall, the camera's usual size and effects.
RENDERED = {
    "name": "benchmark",
    "seed": 1,
    "world": {"style": "town", "length_m": 260.0},
    "camera": {"width_px": 640, "height_px": 384, "focal_px": 500.0},
    "drive": {"start_m": 30.0, "speed_mps": 10.0},
    "walls": [{"station_m": 130.0}],
}

_WARM_UP_FRAMES = 3  # shaders, textures and buffers are made with the first frames


@dataclass(frozen=True)
class RenderTiming:
    """`bare`: a picture without truth. `chain`: picture, truth, camera, encoding and writing. Each frame went through
    both, and through the chain twice; ratios are medians over frames. `chain_over_itself` tells how far to trust them.
    """

    bare: Timing
    chain: Timing
    chain_over_bare: float
    chain_over_itself: float

    @property
    def frames_per_s(self) -> float:
        """Of the whole chain."""
        return 1000.0 / self.chain.p50_ms


def time_alternately(steps: Mapping[str, Step], count: int) -> dict[str, list[float]]:
    """Milliseconds of every step for frames 0 to `count` - 1; each frame goes through all of them, in turn first."""
    if count < 1:
        raise PerceptionError(f"a benchmark needs at least one frame, got {count}")
    names = list(steps)
    for number in range(min(_WARM_UP_FRAMES, count)):
        for name in names:
            steps[name](number)
    spent_ms: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            begin = time.perf_counter()
            steps[name](number)
            spent_ms[name].append(1e3 * (time.perf_counter() - begin))
    return spent_ms


def time_steps(bare: Step, chain: Step, count: int) -> RenderTiming:
    """Timing of two ways to make the frames 0 to `count` - 1."""
    spent_ms = time_alternately({"bare": bare, "chain": chain, "chain again": chain}, count)
    chain_ms, bare_ms, again_ms = (np.array(spent_ms[name]) for name in ("chain", "bare", "chain again"))
    return RenderTiming(
        Timing.of(spent_ms["bare"]),
        Timing.of(spent_ms["chain"]),
        float(np.median(chain_ms / bare_ms)),
        float(np.median(again_ms / chain_ms)),
    )


def time_rendering(count: int, folder: Path) -> RenderTiming:
    """Frames spread over the drive of `RENDERED`; the chain writes to a shard in `folder`, which does not stay.

    Raises `RenderError` where there is no OpenGL.
    """
    simulation = _Simulation(build_scenario(RENDERED))
    numbers = np.linspace(0, len(simulation) - 1, count).astype(int).tolist()
    asked: list[int] = []
    writer = write_shard(folder / "benchmark.tar", _encoded(simulation, asked))

    def chain(number: int) -> None:
        asked.append(numbers[number])
        next(writer)

    with simulation:
        try:
            return time_steps(lambda number: simulation.picture_only(numbers[number]), chain, count)
        finally:
            writer.close()


class _Simulation(Simulation):
    """One that also renders the bare picture of a frame."""

    def picture_only(self, number: int) -> None:
        time_s, motion = self.frame_time_s(number), self.plan.motion
        renderer: Renderer | None = self._renderer
        assert renderer is not None  # inside its `with` block
        view = self.camera.picture_view(motion.world_from_camera(time_s), time_s, *motion.camera_twist(time_s))
        renderer.render(view, truth=False)


def _encoded(simulation: Simulation, asked: list[int]) -> Iterator[dict[str, bytes]]:
    while asked:
        yield encode(sample_of(simulation, simulation.frame(asked.pop())), CHANNELS)
