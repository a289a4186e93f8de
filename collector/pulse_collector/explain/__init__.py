"""Explains how spans are read: which part of a span fed which column, and what counts."""
