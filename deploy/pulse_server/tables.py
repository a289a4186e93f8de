"""Rows of a command's answer, as aligned text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The headings and rows, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    )


def mib(size_bytes: int) -> str:
    """A size in MiB, to a tenth."""
    return f"{size_bytes / (1 << 20):,.1f}"


def date(time_ns: int) -> str:
    """A Unix time in nanoseconds as RFC 3339 in UTC, to the second."""
    return dt.datetime.fromtimestamp(time_ns // 1_000_000_000, dt.UTC).isoformat().replace("+00:00", "Z")


def date_or(time_ns: int | None, otherwise: T) -> str | T:
    """The date, or what stands for a time that is not known."""
    return otherwise if time_ns is None else date(time_ns)
