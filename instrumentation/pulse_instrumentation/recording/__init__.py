"""Record a model call, from the client's request to the end of its span."""
