"""Errors of decoding."""

from __future__ import annotations


class Unreadable(ValueError):
    """The body is malformed; the message has the field or the reason."""


class TooManyParts(Unreadable):
    """The body has so many parts that decoding it would need too much memory; the message has the limit."""
