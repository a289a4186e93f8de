"""Read the requests and answers of each API as span attributes."""
