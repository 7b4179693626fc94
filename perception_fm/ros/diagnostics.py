"""`diagnostic_msgs` from a health snapshot: node, camera and processing, each with a level to act on."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from perception_fm.config import NodeConfig
from perception_fm.pipeline import MODEL_UNTRAINED
from perception_fm.ros.health import CameraState, HealthSnapshot
from perception_fm.types import Mode

DIAGNOSTICS_PERIOD_S = 1.0

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
_CAMERA_LEVELS = {
    CameraState.INACTIVE: OK,
    CameraState.WAITING: WARN,
    CameraState.STALE: ERROR,
    CameraState.REJECTED: ERROR,
    CameraState.ACTIVE: OK,
}
_MODE_LEVELS = {Mode.NOMINAL: OK, Mode.DEGRADED: WARN, Mode.UNTRUSTED: ERROR}


def diagnostic_array(health: HealthSnapshot, config: NodeConfig, node_name: str, stamp: Time) -> DiagnosticArray:
    """The statuses `<node>: lifecycle`, `<node>: model`, `<node>: camera <name>` and `<node>: processing`."""
    statuses = [_lifecycle(health), _model(health), _camera(health, config), _processing(health, config)]
    for status in statuses:
        status.name = f"{node_name}: {status.name}"
        status.hardware_id = config.camera_name
    return DiagnosticArray(header=Header(stamp=stamp), status=statuses)


def _lifecycle(health: HealthSnapshot) -> DiagnosticStatus:
    return DiagnosticStatus(level=ERROR if health.has_failed else OK, name="lifecycle", message=health.lifecycle)


def _model(health: HealthSnapshot) -> DiagnosticStatus:
    model = health.model
    level, message = OK, "geometry only, as configured" if model.name == "none" else f"{model.name} runs"
    if model.refusal:
        level, message = ERROR, f"geometry only: {model.refusal}"
    elif not model.is_trained:
        level, message = WARN, MODEL_UNTRAINED
    return DiagnosticStatus(
        level=level,
        name="model",
        message=message,
        values=_values(
            model=model.name,
            runtime=model.runtime,
            precision=model.precision,
            fingerprint=model.fingerprint,
            heads=" ".join(model.heads),
        ),
    )


def _camera(health: HealthSnapshot, config: NodeConfig) -> DiagnosticStatus:
    state = health.camera_state(config.stale_after_s)
    message: str = state.value
    refusal = health.step.refusal if health.step is not None else ""
    if state is CameraState.REJECTED and health.step is not None:
        message = f"rejected: {'; '.join(health.step.result.reasons)}"
    elif state in (CameraState.STALE, CameraState.WAITING):
        message = f"{state.value}: {health.silence_reason(math.inf)}"
    counts = health.counts
    return DiagnosticStatus(
        level=_CAMERA_LEVELS[state],
        name=f"camera {config.camera_name}",
        message=message,
        values=_values(
            state=state.value,
            image_age_s=health.image_age_s,
            refusal=refusal,
            received=counts.received,
            processed=counts.processed,
            dropped=counts.dropped,
            rejected=counts.rejected,
        ),
    )


def _processing(health: HealthSnapshot, config: NodeConfig) -> DiagnosticStatus:
    result = health.step.result if health.step is not None else None
    level, message = OK, "idle"
    if not health.is_active:
        message = "inactive"
    elif health.busy_s > config.stale_after_s:
        level, message = ERROR, health.silence_reason(config.stale_after_s)
    elif result is not None:
        level, message = _MODE_LEVELS[result.mode], "; ".join(result.reasons) or "running"
        slowest_s = max((v for v in (health.processing_s, health.age_s) if not math.isnan(v)), default=0.0)
        if slowest_s > config.latency_warn_s:
            level = max(level, ERROR if slowest_s > config.latency_error_s else WARN)
            message = f"slow: {slowest_s * 1e3:.0f} ms from image to output; {message}"
    stages = {f"{stage}_ms": ms for stage, ms in result.latency_ms.items()} if result is not None else {}
    return DiagnosticStatus(
        level=level,
        name="processing",
        message=message,
        values=_values(
            mode=result.mode.name if result is not None else "",
            state=result.state.name if result is not None else "",
            model=health.model.name,
            stamp_to_publish_age_s=health.age_s,
            processing_s=health.processing_s,
            busy_s=health.busy_s,
            **stages,
        ),
    )


def _values(**values: object) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=f"{value:.4g}" if isinstance(value, float) else str(value))
        for key, value in values.items()
    ]
