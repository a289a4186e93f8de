"""Content-defined chunking of request bodies: what bodies have in common is stored once and referenced."""
