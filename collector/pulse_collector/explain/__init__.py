"""Implements `pulse explain`: reports which part of a span filled which column, and which spans count."""
