"""`pulse demo`: a bundled provider, a small real program, and what Pulse recorded of it."""
