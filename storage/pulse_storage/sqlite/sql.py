"""What the store uses of a SQLite connection, typed: the driver's own annotations need a newer Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, cast

import apsw

SqlValue = None | int | float | str | bytes
#: One row, as it is bound or as it is read.
Values = tuple[SqlValue, ...]


def blobs(values: Sequence[bytes]) -> SqlValue:
    """An array to be bound to `carray(?)`; it must not be empty."""
    return cast("SqlValue", apsw.carray(tuple(values)))  # pyright: ignore[reportUnknownMemberType]


class Cursor(Protocol):
    """The rows that a statement answers."""

    def __iter__(self) -> Iterator[Values]: ...
    def fetchone(self) -> Values | None: ...
    def fetchall(self) -> list[Values]: ...

    @property
    def get(self) -> SqlValue:
        """The only value of the first row; None without rows."""
        ...


class Connection(Protocol):
    """One `apsw.Connection`."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[SqlValue]], /) -> Cursor: ...
    def pragma(self, name: str, value: SqlValue = None, /) -> object: ...
    def set_busy_timeout(self, milliseconds: int, /) -> None: ...
    def set_progress_handler(self, is_over: Callable[[], bool], steps: int, /) -> None: ...
    def set_wal_hook(self, note: Callable[[object, str, int], int], /) -> None: ...
    def create_scalar_function(
        self, name: str, function: Callable[[SqlValue, SqlValue], SqlValue], /, *, deterministic: bool
    ) -> None: ...
    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]: ...
    def close(self) -> None: ...
