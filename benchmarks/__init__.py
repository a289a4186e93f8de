"""Benchmarks that anyone can run; each compares its variants side by side in one run."""
