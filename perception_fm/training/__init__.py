"""Training: files into batches, losses, the run, and what it leaves behind."""
