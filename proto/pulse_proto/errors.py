"""The one error for anything that cannot be read."""

from __future__ import annotations


class Unreadable(ValueError):
    """The bytes are not a message of the announced kind; the text says where and why, for a developer."""
