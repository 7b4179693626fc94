"""What the node knows about itself: counts, ages and the last step. Times are of the steady clock, in seconds."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from time import monotonic

from perception_fm.dense import ModelState
from perception_fm.ros.results import FrameCounts
from perception_fm.ros.step import Step


class CameraState(str, Enum):
    """How the image stream does."""

    INACTIVE = "inactive"
    WAITING = "waiting"
    STALE = "stale"
    REJECTED = "rejected"
    ACTIVE = "active"


@dataclass(frozen=True, eq=False)
class HealthSnapshot:
    """One consistent view. Instants are NaN while the thing has not happened since activation."""

    now_s: float
    lifecycle: str = "unconfigured"
    has_failed: bool = False
    is_active: bool = False
    active_since_s: float = math.nan
    received_s: float = math.nan
    busy_since_s: float = math.nan
    published_s: float = math.nan
    processing_s: float = math.nan
    age_s: float = math.nan
    counts: FrameCounts = field(default_factory=FrameCounts)
    step: Step | None = None
    model: ModelState = field(default_factory=ModelState)

    @property
    def image_age_s(self) -> float:
        """Since the last image arrived; NaN while there was none."""
        return self.now_s - self.received_s

    @property
    def busy_s(self) -> float:
        """How long the worker has been at its present image; 0 when it waits."""
        return 0.0 if math.isnan(self.busy_since_s) else self.now_s - self.busy_since_s

    @property
    def silent_s(self) -> float:
        """Since anything was published, or since activation."""
        return self.now_s - (self.active_since_s if math.isnan(self.published_s) else self.published_s)

    def camera_state(self, stale_after_s: float) -> CameraState:
        """The state of the image stream; an image counts as stale after `stale_after_s`."""
        if not self.is_active:
            return CameraState.INACTIVE
        if math.isnan(self.received_s):
            return CameraState.WAITING
        if self.image_age_s > stale_after_s:
            return CameraState.STALE
        return CameraState.REJECTED if self.step is not None and self.step.refusal else CameraState.ACTIVE

    def silence_reason(self, stale_after_s: float) -> str:
        """Why nothing is published, in words for people."""
        if self.busy_s > stale_after_s:
            return f"the worker is stalled: it has been busy with one image for {self.busy_s:.1f} s"
        if math.isnan(self.received_s):
            return f"no image since activation {self.now_s - self.active_since_s:.1f} s ago"
        return f"no image for {self.image_age_s:.1f} s"


class NodeHealth:
    """Written by callbacks and the worker, read by diagnostics and the watchdog; safe between threads."""

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._state = HealthSnapshot(clock_s())

    def snapshot(self) -> HealthSnapshot:
        """The present state with the present time."""
        with self._lock:
            return replace(self._state, now_s=self._clock_s())

    def on_lifecycle(self, label: str, has_failed: bool = False) -> None:
        """A lifecycle state was entered, a transition began or failed; `label` is for people."""
        self._set(lifecycle=label, has_failed=has_failed)

    def on_model(self, model: ModelState) -> None:
        """A model was loaded, or refused."""
        self._set(model=model)

    def on_activated(self) -> None:
        """Counting begins anew."""
        now_s = self._clock_s()
        with self._lock:
            model = self._state.model
            self._state = HealthSnapshot(now_s, "active", is_active=True, active_since_s=now_s, model=model)

    def on_deactivated(self) -> None:
        """The counts stay readable."""
        self._set(is_active=False, busy_since_s=math.nan)

    def on_image(self, is_older_dropped: bool) -> float:
        """An image arrived, perhaps in place of an unread one; its time of arrival."""
        now_s = self._clock_s()
        with self._lock:
            counts = self._state.counts
            counts = replace(counts, received=counts.received + 1, dropped=counts.dropped + is_older_dropped)
            self._state = replace(self._state, received_s=now_s, counts=counts)
        return now_s

    def on_work(self) -> None:
        """The worker took an image."""
        self._set(busy_since_s=self._clock_s())

    def on_step(self, step: Step) -> None:
        """The worker has a result, or a refusal."""
        with self._lock:
            counts, refused = self._state.counts, bool(step.refusal)
            counts = replace(counts, processed=counts.processed + (not refused), rejected=counts.rejected + refused)
            processing_s = self._clock_s() - self._state.busy_since_s
            self._state = replace(self._state, counts=counts, step=step, processing_s=processing_s)

    def on_unknown(self, step: Step) -> None:
        """An unknown output without an image; it counts nowhere."""
        self._set(step=step)

    def on_published(self, age_s: float) -> None:
        """One frame's outputs, or an explicit unknown, went out; `age_s` is from the image stamp, NaN without one."""
        self._set(published_s=self._clock_s(), age_s=age_s)

    def on_idle(self) -> None:
        """The worker waits for the next image."""
        self._set(busy_since_s=math.nan)

    def _set(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
