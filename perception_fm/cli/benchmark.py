"""`perception-fm benchmark`: latency and memory on this machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perception_fm.cli.progress import progress
from perception_fm.cli.run import configuration
from perception_fm.errors import RenderError

if TYPE_CHECKING:
    from perception_fm.config import NodeConfig, PerceptionConfig
    from perception_fm.evaluation.benchmark import MemoryGrowth, Timing
    from perception_fm.evaluation.benchmark_models import TorchComparison
    from perception_fm.evaluation.network_benchmark import NetworkTiming
    from perception_fm.evaluation.render_benchmark import RenderTiming
    from perception_fm.types import CameraFrame

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class _Plan:
    """How many frames: of the rendered drive, for the timings, for the memory, of the synthetic world, of networks."""

    rendered: int
    timed: int
    memory: int
    synthetic: int
    network: int


_FULL = _Plan(rendered=90, timed=360, memory=2000, synthetic=60, network=100)
_QUICK = _Plan(rendered=40, timed=40, memory=120, synthetic=6, network=10)


@click.command(name="benchmark")
@click.option("--quick", is_flag=True, help="Few frames: a look, not a measurement.")
@click.option("--model", "models", metavar="NAME|FILE", multiple=True,
              help="Model to time, of the zoo or an ONNX file; several are allowed.  [default: the bundled "
              "network at 640x384 in FP32 and INT8, where the extra models is installed]")
@click.option("--torch", "has_torch", is_flag=True,
              help="Also time the bundled network by torch.compile in the same run, on the GPU where there is one, and "
              "print the share of the roofline; compiling takes a minute.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="ROS parameter file of the node.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark.json"), show_default=True,
              help="File for the figures.")
def command(quick: bool, models: tuple[str, ...], has_torch: bool, config_file: Path | None, output: Path) -> None:
    """Measure geometry, networks and rendering, on the same images on every machine.

    Prints median and 99th percentile per stage of the geometry at 1280x720, the cost of publishing, the node's overhead
    over the bare pipeline from one run, the growth of memory, what networks cost in their runtime and around it, and
    the speed of the synthetic world; writes the same figures as JSON.
    """
    config = configuration(config_file, model="none")
    # The benchmark's own topics must not meet those of a vehicle.
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    from perception_fm.evaluation import benchmark  # heavy imports only now, so that --help is instant
    from perception_fm.evaluation.results import write_json
    from perception_fm.ros.benchmark import time_node

    plan = _QUICK if quick else _FULL
    click.echo(f"rendering {plan.rendered} frames")
    frames = list(progress(benchmark.benchmark_frames(plan.rendered), plan.rendered))
    stages = benchmark.time_stages(frames, config, plan.timed)
    untracked = benchmark.time_without_tracking(frames, config, plan.timed)
    node, overhead = time_node(frames, config, plan.timed)
    ticks = progress(range(plan.memory), plan.memory)
    memory = benchmark.memory_growth(frames, config, plan.memory, ticks)
    scene, things = _scene(frames, config, plan.timed)
    networks, comparison = _networks(models, frames, config, plan.network, has_torch)
    rendering = _rendering(plan.synthetic)
    for line in [
        *table_lines(stages, untracked, node, overhead, memory), *scene_lines(scene, things), *network_lines(networks),
        *torch_lines(comparison), *rendering_lines(rendering),
    ]:  # fmt: skip
        click.echo(line)
    write_json(
        output,
        _document(plan, stages, untracked, node, overhead, memory, scene, networks, comparison, rendering),
    )
    click.echo(f"written: {output}")


def _networks(
    models: Sequence[str], frames: Sequence[CameraFrame], config: PerceptionConfig, count: int, has_torch: bool
) -> tuple[dict[str, NetworkTiming], TorchComparison | None]:
    """Timings by name; none, with one line that says why, where no model is named and none can be made."""
    if models and has_torch:
        raise click.UsageError("--torch compares the bundled network; leave --model out")
    from perception_fm.evaluation.network_benchmark import time_network
    from perception_fm.models.locate import resolve_model

    with tempfile.TemporaryDirectory() as folder:
        paths, comparison = {name: resolve_model(name) for name in models}, None
        if not paths:
            try:
                from perception_fm.evaluation.benchmark_models import compare_with_torch, timed_models
            except ImportError as error:
                click.echo(f"no network is measured: name one with --model, or install the extra models ({error})")
                return {}, None
            click.echo("exporting the bundled network at 640x384 in FP32 and INT8")
            paths = timed_models(Path(folder), [frame.image for frame in frames])
            if has_torch:
                click.echo("compiling it with torch.compile")
                comparison = compare_with_torch(paths["bundled fp32"], config.backend, count)
        return {name: time_network(path, frames, config, count) for name, path in paths.items()}, comparison


def _scene(frames: Sequence[CameraFrame], config: NodeConfig, count: int) -> tuple[dict[str, Timing], float]:
    """What comes after the bundled network; nothing, with one line that says why, where it does not run."""
    from perception_fm.models.loaded import load_model
    from perception_fm.ros.benchmark import time_scene

    model = load_model("bundled", config.backend)
    try:
        if model.predictor is None:
            click.echo(f"obstacles and free space are not measured: {model.refusal}")
            return {}, 0.0
        return time_scene(frames, config, count, model.predictor)
    finally:
        model.close()


def scene_lines(scene: Mapping[str, Timing], things: float) -> list[str]:
    """The figures of what comes after the network."""
    if not scene:
        return []
    return [f"after the bundled network, {things:.0f} obstacles a frame:", *_rows(scene)]


def network_lines(networks: Mapping[str, NetworkTiming]) -> list[str]:
    """The figures of networks."""
    lines = []
    for name, timing in networks.items():
        info = timing.info
        network, pipeline, around = timing.network, timing.pipeline, 100.0 * timing.around_share
        lines += [
            f"{name}: {info.runtime} {info.version} on {info.device}, computes in {info.precision}",
            f"  network {network.p50_ms:.1f} ms (99% {network.p99_ms:.1f}), around it {around:.1f}% of that",
            f"  from image to prediction {timing.whole.p50_ms:.1f} ms, peak memory {timing.peak_mib:+.0f} MiB",
            f"  pipeline with it {pipeline.p50_ms:.1f} ms (99% {pipeline.p99_ms:.1f})",
        ]
    return lines


def torch_lines(comparison: TorchComparison | None) -> list[str]:
    """The figures of the runtime against PyTorch."""
    if comparison is None:
        return []
    runtime, compiled, share = comparison.runtime, comparison.compiled, 100.0 * comparison.roofline_share
    peak = comparison.peak_gflops_per_s
    return [
        f"bundled fp32 and torch.compile of it on {comparison.device}, in turn:",
        f"  runtime {runtime.p50_ms:.1f} ms (99% {runtime.p99_ms:.1f})",
        f"  torch {compiled.p50_ms:.1f} ms (99% {compiled.p99_ms:.1f}), ratio {comparison.runtime_over_torch:.2f}",
        f"  {comparison.gflops:.2f} GFLOP per image: {share:.0f}% of the {peak:.0f} GFLOP/s of a matrix product",
    ]


def _rendering(count: int) -> RenderTiming | None:
    """None, with one line that says why, where there is no OpenGL or the extra is not installed."""
    click.echo(f"rendering {count} frames of the synthetic world, three times")
    try:
        from perception_fm.evaluation.render_benchmark import time_rendering

        with tempfile.TemporaryDirectory() as folder:
            return time_rendering(count, Path(folder))
    except (RenderError, ImportError) as error:
        click.echo(f"the synthetic world is not measured: {error}")
        return None


def rendering_lines(rendering: RenderTiming | None) -> list[str]:
    """The figures of the synthetic world."""
    if rendering is None:
        return []
    return [
        f"synthetic world, picture only: {rendering.bare.p50_ms:.0f} ms",
        f"with truth, camera and writing: {rendering.chain.p50_ms:.0f} ms, {rendering.frames_per_s:.1f} frames/s",
        f"chain / picture only: {rendering.chain_over_bare:.2f}, chain / itself: {rendering.chain_over_itself:.2f}",
    ]


def table_lines(
    stages: Mapping[str, Timing], untracked: Timing, node: Mapping[str, Timing], overhead: float, memory: MemoryGrowth
) -> list[str]:
    """The figures as a table."""
    by_stage = {f"stage {name}": timing for name, timing in stages.items()}
    lines = _rows({**by_stage, "without tracking, one core": untracked, **node})
    lines.append(f"node / bare pipeline: {overhead:.3f}")
    lines.append(f"memory over {memory.frames} frames: {memory.growth_mib:+.1f} MiB (from {memory.start_mib:.0f} MiB)")
    return lines


def _rows(timings: Mapping[str, Timing]) -> list[str]:
    width = max(len(name) for name in timings)
    rows = [f"{name:<{width}}  {one.p50_ms:9.2f}{one.p99_ms:9.2f}{one.count:8d}" for name, one in timings.items()]
    return [f"{'':<{width}}  median ms   99% ms  frames", *rows]


def _document(
    plan: _Plan,
    stages: Mapping[str, Timing],
    untracked: Timing,
    node: Mapping[str, Timing],
    overhead: float,
    memory: MemoryGrowth,
    scene: Mapping[str, Timing],
    networks: Mapping[str, NetworkTiming],
    comparison: TorchComparison | None,
    rendering: RenderTiming | None,
) -> dict[str, Any]:
    from perception_fm.evaluation.benchmark import HEIGHT_PX, RATE_HZ, WIDTH_PX

    return {
        "schema_version": SCHEMA_VERSION,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "camera": {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "rate_hz": RATE_HZ},
        "plan": dataclasses.asdict(plan),
        "stages": {name: dataclasses.asdict(timing) for name, timing in stages.items()},
        "without_tracking_one_core": dataclasses.asdict(untracked),
        "node": {name: dataclasses.asdict(timing) for name, timing in node.items()},
        "node_over_bare_pipeline": overhead,
        "memory": dataclasses.asdict(memory) | {"growth_mib": memory.growth_mib},
        "scene": {name: dataclasses.asdict(timing) for name, timing in scene.items()},
        "networks": {name: dataclasses.asdict(timing) for name, timing in networks.items()},
        "torch": comparison and dataclasses.asdict(comparison) | {"roofline_share": comparison.roofline_share},
        "synthetic_world": rendering and dataclasses.asdict(rendering) | {"frames_per_s": rendering.frames_per_s},
    }
