"""The benchmark of painted walls: drives with exact truth, rival detectors on the same frames, figures and a report."""
