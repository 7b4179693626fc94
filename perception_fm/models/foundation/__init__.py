"""Public foundation models in their published architectures, adapted to the contract of model files."""
