"""The error family: every failure that a user can cause or mend descends from `PerceptionError`."""


class PerceptionError(Exception):
    """A condition with one clear line: what was expected, what arrived, what to do."""


class ConfigError(PerceptionError):
    """A configuration key, size, type or value was refused."""


class CameraError(PerceptionError):
    """A camera calibration cannot be used (zero or NaN K, unknown distortion, impossible ROI)."""


class ImageError(PerceptionError):
    """An image cannot be used (empty, wrong encoding, wrong step, corrupt stream, size mismatch)."""


class OdometryError(PerceptionError):
    """An ego-motion sample cannot be used (NaN, unnormalised quaternion, stamp going back)."""


class TransformError(PerceptionError):
    """The mounting of a camera is unknown at the image stamp."""


class RangeSensorError(PerceptionError):
    """A message of a range sensor cannot be used (no numbers, another type, too old for the image)."""


class BagError(PerceptionError):
    """A bag or drive folder cannot be read or written."""


class RenderError(PerceptionError):
    """A picture of the synthetic world cannot be made here (no OpenGL, a scene too big for it)."""


class DatasetError(PerceptionError):
    """A dataset cannot be read, written or gone on with."""


class TrainingError(PerceptionError):
    """A training run cannot go on (a loss that is not finite, a run folder without a checkpoint)."""


class ModelError(PerceptionError):
    """A model file, its metadata or its weights cannot be used (corrupt, unknown head, wrong label map, wrong hash)."""


class EngineError(ModelError):
    """A compiled engine is refused: another GPU, tampered, stale, or outside the tolerances of the acceptance gate."""


class InferenceError(PerceptionError):
    """A network gave no usable answer for one frame (runtime failure, wrong input, NaN everywhere)."""
