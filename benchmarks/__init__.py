"""Benchmarks; each compares its variants in one run."""
