"""What cannot be read, and what would take too much memory."""

from __future__ import annotations


class Unreadable(ValueError):
    """The bytes are not a message of the announced kind; the text says where and why, for a developer."""


class TooManyParts(Unreadable):
    """Decoded it would take far more memory than its bytes; the text says of what there is too much."""
