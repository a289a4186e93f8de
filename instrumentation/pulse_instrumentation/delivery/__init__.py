"""Send ended spans to Pulse: queue, encoding, HTTP, forks and termination."""
