"""Rows that a statement returned, as `sql.connection.Cursor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from pulse_storage.sql.connection import Values


class Rows:
    """The rows that a driver's cursor has read; none after a statement that returns no rows."""

    __slots__ = ("_rows",)

    def __init__(self, cursor: psycopg.Cursor[Values]) -> None:
        self._rows = iter(() if cursor.rownumber is None else cursor.fetchall())

    def __iter__(self) -> Iterator[Values]:
        return self._rows

    def fetchone(self) -> Values | None:
        """See Cursor."""
        return next(self._rows, None)

    def fetchall(self) -> list[Values]:
        """See Cursor."""
        return list(self._rows)

    @property
    def get(self) -> Any:
        """See Cursor."""
        row = self.fetchone()
        return None if row is None else row[0]
