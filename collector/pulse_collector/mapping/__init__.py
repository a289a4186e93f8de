"""Maps OTLP messages to rows: the steps that all dialects share, from `map_spans` in `spans.py` downwards."""
