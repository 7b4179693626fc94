"""All detectors side by side on one drive: the method with each kind of learned depth, its ablations, the baselines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePredictor
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.fake_wall_benchmark.ablations import ABLATIONS, Ablation, replaced
from perception_fm.evaluation.fake_wall_benchmark.baselines import ContactTimeOnly, LearnedOnly, RoadParallaxOnly
from perception_fm.evaluation.fake_wall_benchmark.believing_network import BelievingNetwork
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BenchFrame
from perception_fm.evaluation.fake_wall_benchmark.claims import Record, record_of, silent
from perception_fm.evaluation.fake_wall_benchmark.shared_motion import FollowingPipeline, LeadingPipeline
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.types import PerceptionResult

GEOMETRY, BELIEVED, BELIEVED_15, BELIEVED_30, MODEL = "geometry", "believed", "believed_15", "believed_30", "model"
SIGMAS = {BELIEVED: 0.0, BELIEVED_15: 0.15, BELIEVED_30: 0.3}
LEARNED_ONLY, LEARNED_BELIEVED, CONTACT_TIME, ROAD_PARALLAX = (
    "learned_depth_only", "believed_depth_only", "contact_time_only", "road_parallax_only",
)  # fmt: skip

DESCRIPTIONS = {
    GEOMETRY: "the method without a network",
    BELIEVED: "the method with a network that believes the picture perfectly",
    BELIEVED_15: "the same, its depth off by a smooth 15%",
    BELIEVED_30: "the same, its depth off by a smooth 30%",
    MODEL: "the method with the model",
    LEARNED_ONLY: "baseline: obstacles of the model's depth and classes alone",
    LEARNED_BELIEVED: "baseline: obstacles of the perfectly believed depth alone",
    CONTACT_TIME: "baseline: expansion of feature tracks alone",
    ROAD_PARALLAX: "baseline: whatever does not move like road",
    **{one.name: f"ablation: {one.says}" for one in ABLATIONS},
}


@dataclass(frozen=True, eq=False)
class _Runner:
    """One pipeline of its own."""

    pipeline: PerceptionPipeline
    network: BelievingNetwork | None
    ablation: Ablation | None

    def process(self, bench: BenchFrame) -> PerceptionResult | None:
        """None where the frame was refused; then everything begins anew, as in the node."""
        if self.network is not None:
            self.network.show(bench.believed)
        constants = replaced(self.ablation.constants) if self.ablation is not None else contextlib.nullcontext()
        with constants:
            try:
                return self.pipeline.process(bench.frame)
            except PerceptionError:
                self.pipeline.reset()
                return None


class Detectors:
    """Fresh detectors for one drive. `model`: the network under test, None without. `seed`: of the depth errors.

    Without `has_rivals` baselines and ablations are left out.
    """

    def __init__(
        self, config: PerceptionConfig, model: DensePredictor | None, seed: int, *, has_rivals: bool = True
    ) -> None:
        leader = LeadingPipeline(config)
        self._runners = {GEOMETRY: _Runner(leader, None, None)}
        for name, sigma in SIGMAS.items():
            network = BelievingNetwork(sigma, seed)
            self._runners[name] = _Runner(FollowingPipeline(config, network, leader), network, None)
        if model is not None:
            self._runners[MODEL] = _Runner(FollowingPipeline(config, model, leader), None, None)
        for ablation in ABLATIONS if has_rivals else ():
            if ablation.believes:
                rival = BelievingNetwork(SIGMAS[BELIEVED_30], seed)
                runner = _Runner(FollowingPipeline(config, rival, leader), rival, ablation)
            else:
                runner = _Runner(PerceptionPipeline(config), None, ablation)
            self._runners[ablation.name] = runner
        self._learned = {LEARNED_BELIEVED: (BELIEVED, LearnedOnly(config))} if has_rivals else {}
        if has_rivals and model is not None:
            self._learned[LEARNED_ONLY] = (MODEL, LearnedOnly(config))
        self._moving = (
            {CONTACT_TIME: ContactTimeOnly(config), ROAD_PARALLAX: RoadParallaxOnly(config)} if has_rivals else {}
        )
        self.results: dict[str, PerceptionResult | None] = {}

    def step(self, bench: BenchFrame) -> Iterator[tuple[str, Record]]:
        """Name and record of every detector for the next frame; `results` then holds those of the pipelines."""
        stamp = bench.frame.stamp_ns
        self.results = {name: runner.process(bench) for name, runner in self._runners.items()}
        for name, result in self.results.items():
            record = silent(stamp) if result is None else record_of(result)
            if isinstance(self._runners[name].pipeline, FollowingPipeline):
                record["latency_ms"].pop("total", None)  # its motion was spent by the leader
            yield name, record
        for name, (source, learned) in self._learned.items():
            yield name, learned.step(bench.frame, self.results[source])
        for name, moving in self._moving.items():
            yield name, moving.step(bench.frame, self.results[GEOMETRY])
