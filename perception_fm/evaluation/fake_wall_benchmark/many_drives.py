"""Many drives at once: in processes of this machine, or through Ray on many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import PlannedDrive
from perception_fm.evaluation.fake_wall_benchmark.drive_run import BenchmarkSettings, run_drive
from perception_fm.synth.dataset.workers import make_shards


@dataclass(frozen=True)
class _ByNumber:
    """What a worker process runs; it can be pickled."""

    drives: tuple[PlannedDrive, ...]
    settings: BenchmarkSettings

    def __call__(self, number: int) -> Iterator[None]:
        return run_drive(self.drives[number], self.settings)


def run_drives(drives: Sequence[PlannedDrive], settings: BenchmarkSettings, workers: int) -> Iterator[None]:
    """Run all drives; yields once per frame. Raises `PerceptionError` for the first that fails; files of the others
    stay.
    """
    if workers == 1:
        for drive in drives:
            yield from run_drive(drive, settings)
        return
    yield from make_shards(_ByNumber(tuple(drives), settings), range(len(drives)), workers)


def run_drives_on_ray(drives: Sequence[PlannedDrive], settings: BenchmarkSettings, address: str) -> Iterator[str]:
    """Run all drives on a Ray cluster whose machines share the folder of the results; yields the name of each when its
    file is there. Raises `PerceptionError` where Ray is missing, and for the first drive that fails.
    """
    try:
        import ray
    except ImportError as error:
        raise PerceptionError("Ray is not installed: pip install 'perception_fm[ray]'") from error
    ray.init(address=address, ignore_reinit_error=True)
    try:
        one_drive = ray.remote(_whole_drive)
        waiting = [one_drive.remote(drive, settings) for drive in drives]
        while waiting:
            done, waiting = ray.wait(waiting)
            yield from ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise PerceptionError(str(error.cause)) from error
    finally:
        ray.shutdown()


def _whole_drive(drive: PlannedDrive, settings: BenchmarkSettings) -> str:
    for _ in run_drive(drive, settings):
        pass
    return drive.name
