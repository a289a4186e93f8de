"""`pulse demo`: a bundled provider, a small program, and the display of the recorded calls."""
