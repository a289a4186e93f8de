"""Finished spans on their way to Pulse."""
