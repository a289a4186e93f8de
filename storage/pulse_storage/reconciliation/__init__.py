"""Decides which rows of a trace count and what they show: pure functions of a set of spans, without I/O."""
