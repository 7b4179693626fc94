"""Which TensorRT this machine has, and what differs between the libraries that share its interface."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from types import ModuleType

from perception_fm.errors import EngineError

TENSORRT = "tensorrt"
TENSORRT_RTX = "tensorrt_rtx"
AUTO = "auto"
CHOICES = (AUTO, TENSORRT, TENSORRT_RTX)

_LEAST_MAJOR = 10  # of TensorRT: the first with set_tensor_address, progress monitors and typed networks alone
# NVIDIA's own package of TensorRT for RTX is `tensorrt_rtx`; the wheels of the registry install the bindings alone.
_MODULES = {TENSORRT: ("tensorrt",), TENSORRT_RTX: ("tensorrt_rtx", "tensorrt_rtx_bindings")}
_CAPABILITY = re.compile(r"SM\d+")


@dataclass(frozen=True)
class Library:
    """One library that builds and runs engines. `module` is its Python interface, the same for all."""

    name: str
    version: str
    module: ModuleType

    @property
    def targets(self) -> tuple[str, ...]:
        """Compute capabilities (SM89 for 8.9) that it builds for with no such GPU here; none where it needs the GPU."""
        if self.name != TENSORRT_RTX:
            return ()
        names = [name for name in self.module.ComputeCapability.__members__ if _CAPABILITY.fullmatch(name)]
        return tuple(sorted(names, key=lambda name: int(name[2:])))

    @property
    def has_timing_cache(self) -> bool:
        """Whether timings of one build speed up the next; TensorRT for RTX tunes when an engine is loaded instead."""
        return self.name == TENSORRT

    @property
    def has_own_cuda_graphs(self) -> bool:
        """Whether the library captures CUDA graphs itself, at the moment that suits its just-in-time kernels."""
        return hasattr(self.module, "CudaGraphStrategy")


def load_library(name: str = AUTO) -> Library:
    """The library of that name; `auto`: TensorRT, else TensorRT for RTX.

    Raises `EngineError` where there is none, where it does not load, and for a TensorRT older than 10.
    """
    if name not in CHOICES:
        raise EngineError(f"no TensorRT library is called {name}: choose {', '.join(CHOICES)}")
    failures: list[str] = []
    for candidate in _MODULES if name == AUTO else (name,):
        module = _import(candidate, failures)
        if module is not None:
            return _checked(candidate, module)
    raise EngineError(
        f"TensorRT cannot be used here: {'; '.join(failures)}. Install NVIDIA's tensorrt (JetPack has it), or"
        " tensorrt-rtx-cu12-libs and tensorrt-rtx-cu12-bindings; the ONNX Runtime backend needs neither"
    )


def _import(name: str, failures: list[str]) -> ModuleType | None:
    """The Python interface of a library; None, and why in `failures`, where it does not load."""
    for module in _MODULES[name]:
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                failures.append(f"{module} does not load ({error})")
        except (ImportError, OSError, RuntimeError) as error:
            failures.append(f"{module} does not load ({str(error).splitlines()[0]})")
    if not any(failure.startswith(_MODULES[name]) for failure in failures):
        failures.append(f"{name} is not installed")
    return None


def _checked(name: str, module: ModuleType) -> Library:
    version = str(module.__version__)
    if name == TENSORRT and int(version.split(".")[0]) < _LEAST_MAJOR:
        raise EngineError(f"TensorRT {version} is too old: {_LEAST_MAJOR}.0 or newer is needed")
    return Library(name, version, module)
