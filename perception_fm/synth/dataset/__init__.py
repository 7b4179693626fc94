"""Training frames in WebDataset shards."""
