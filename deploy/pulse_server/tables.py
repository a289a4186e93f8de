"""Format tables, sizes and dates for the output of commands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return headings and rows as text, with columns aligned."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    )


def mib(size_bytes: int) -> str:
    """Format a size in MiB with one decimal."""
    return f"{size_bytes / (1 << 20):,.1f}"


def date(time_ns: int) -> str:
    """Format a Unix time in nanoseconds as RFC 3339 in UTC, to the second."""
    return dt.datetime.fromtimestamp(time_ns // 1_000_000_000, dt.UTC).isoformat().replace("+00:00", "Z")


def date_or(time_ns: int | None, default: T) -> str | T:
    """Format a time as `date` does; return `default` for an unknown time."""
    return default if time_ns is None else date(time_ns)
