"""Spans of the application's own work, `trace()` and `tool()`, above those of its model calls."""
