"""Networks in PyTorch: encoders, decoder and heads, and the wrapper that gives any network the file contract."""
