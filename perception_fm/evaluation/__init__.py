"""What came out of a run: the machine-readable result, the report, the benchmark."""
