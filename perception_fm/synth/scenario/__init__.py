"""What is to be rendered: scenarios in YAML, checked before anything runs."""
