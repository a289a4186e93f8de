"""Maps OTLP messages to rows: the steps that all dialects share. `spans.py` runs them."""
