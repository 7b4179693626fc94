"""`load_model`: from the parameter `model` to a predictor, or to the reason why there is only geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perception_fm.dense import ModelState
from perception_fm.errors import InferenceError, ModelError
from perception_fm.inference.open_backend import AUTO, open_backend
from perception_fm.models.locate import resolve_model
from perception_fm.models.predictor import ModelPredictor

NO_MODEL = "none"


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """`predictor` is None where no model was asked for or where it was refused; `refusal` then says why."""

    predictor: ModelPredictor | None = None
    refusal: str = ""

    @property
    def state(self) -> ModelState:
        """What runs, or why nothing does."""
        return ModelState(refusal=self.refusal) if self.predictor is None else self.predictor.state

    def close(self) -> None:
        """Frees the runtime."""
        if self.predictor is not None:
            self.predictor.close()


def load_model(
    name: str, runtime: str = AUTO, on_progress: Callable[[str], None] = lambda text: None
) -> LoadedModel:
    """The model `name` (of the zoo, or an ONNX file) in a runtime, after it passed the acceptance gate.

    `on_progress` hears what is being done. A model that is there but cannot be trusted (corrupt, refused by the gate,
    no runtime) leaves geometry only, with its refusal. Raises `ModelError` for a name that nothing is known under.
    """
    if name == NO_MODEL:
        return LoadedModel()
    path = resolve_model(name)
    on_progress(f"model {name} is loaded and compared with its reference")

    def building(phase: str, step: int, steps: int) -> None:
        on_progress(f"building the engine of {name}: {phase}, {step} of {steps}")

    try:
        return LoadedModel(ModelPredictor(open_backend(path, runtime=runtime, on_progress=building)))
    except (ModelError, InferenceError) as error:
        return LoadedModel(refusal=str(error))
