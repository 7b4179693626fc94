"""What a count of successes or of events says about the rate behind it."""

from __future__ import annotations

from scipy.stats import beta, chi2

CONFIDENCE = 0.95


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval of a probability (Clopper & Pearson, Biometrika 26, 1934); 0 to 1 without trials."""
    tail = 0.5 * (1.0 - confidence)
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1.0 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


def poisson_upper(events: int, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided upper bound of the expected number of events (Garwood, Biometrika 28, 1936)."""
    return 0.5 * float(chi2.ppf(confidence, 2 * (events + 1)))
