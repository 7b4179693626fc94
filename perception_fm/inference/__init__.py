"""Runtimes behind one contract, the cache of compiled engines, and the gate that they must pass."""
