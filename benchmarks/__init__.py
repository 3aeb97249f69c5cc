"""Measurements of the product, each printing JSON: run one with `python -m benchmarks.NAME`."""
