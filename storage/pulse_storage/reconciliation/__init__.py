"""Decide which rows of a trace count, and their effective values: pure functions, without I/O."""
