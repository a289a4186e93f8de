"""Rows that a statement returned, as `sql.connection.Cursor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from pulse_storage.sql.connection import Values


class Rows:
    """Rows of one statement. `load` returns them; it is called when the first row is read."""

    __slots__ = ("_load", "_rows")

    def __init__(self, load: Callable[[], list[Values]]) -> None:
        self._load = load
        self._rows: Iterator[Values] | None = None

    def __iter__(self) -> Iterator[Values]:
        if self._rows is None:
            self._rows = iter(self._load())
        return self._rows

    def fetchone(self) -> Values | None:
        """See Cursor."""
        return next(iter(self), None)

    def fetchall(self) -> list[Values]:
        """See Cursor."""
        return list(iter(self))

    @property
    def get(self) -> Any:
        """See Cursor."""
        row = self.fetchone()
        return None if row is None else row[0]


def fetch_rows(cursor: psycopg.Cursor[Values]) -> list[Values]:
    """Return all rows of a cursor's result; [] after a statement that returns no rows."""
    return [] if cursor.rownumber is None else cursor.fetchall()
