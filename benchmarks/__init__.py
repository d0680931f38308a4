"""Benchmarks: how fast the package is beside the least that the same work can cost. ``python -m benchmarks --help``."""
