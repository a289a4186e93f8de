"""Reads the bodies of a row as messages in one form, by their shape: every provider's and every library's."""
