"""From OTLP messages to rows: what is common to all dialects. Start at `spans.py`."""
