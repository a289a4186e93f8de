"""Protocols of a database connection, a cursor and an SQL dialect: SQLite and PostgreSQL implement them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pulse_storage.rows import SpanRow

SqlValue = None | int | float | str | bytes
#: One row, as bindings or as a result. Untyped: the types of its values follow from the statement.
Values = tuple[Any, ...]
#: The first row id, and the first that is not included.
IdRange = tuple[bytes, bytes]


class Cursor(Protocol):
    """The rows that a statement returned."""

    def __iter__(self) -> Iterator[Values]: ...
    def fetchone(self) -> Values | None: ...
    def fetchall(self) -> list[Values]: ...

    @property
    def get(self) -> Any:
        """The first value of the next row; None without rows."""
        ...


class Connection(Protocol):
    """One connection. Its owner begins and ends the transaction in which statements are executed."""

    @property
    def dialect(self) -> SqlDialect: ...

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor:
        """Run one statement. The bindings replace its `?` in order."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """Run a block; an error that leaves the block undoes its changes."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[SqlValue]], /) -> object:
        """Run a statement that returns no rows, once for each row of bindings."""
        ...

    def lock_spans(self, spans: Iterable[tuple[int, bytes, str | None, str | None]], /) -> bool:
        """Keep other processes from storing spans of these traces and calls until the transaction ends.

        Each is a project, a trace id, a response id and a partner key. Call it first in a transaction. Return
        True if no other connection can store any span until the transaction ends, and none has stored one
        since the previous call.
        """
        ...

    def lock_more(self, project: int, trace_ids: Sequence[bytes], /) -> None:
        """Lock further traces as `lock_spans` does. Call it before reading their spans."""
        ...

    def require_exclusive(self) -> None:
        """Exclude other processes that store spans; may raise so that the transaction is run exclusively."""
        ...

    def lock_usage_keys(self) -> None:
        """Keep other transactions from adding usage keys until this one ends."""
        ...

    def lock_projects(self) -> None:
        """Keep other transactions from passing this call until this one ends: project names stay unique."""
        ...


class SqlDialect(Protocol):
    """The SQL and the operations that differ between engines."""

    @property
    def row_key(self) -> tuple[str, ...]:
        """Key columns of `spans` and `span_bodies`. The last one is unique within a project."""
        ...

    @property
    def data_errors(self) -> tuple[type[Exception], ...]:
        """Exceptions caused by the data of a row. All others are failures of the store, or bugs."""
        ...

    @property
    def has_lateral_joins(self) -> bool:
        """Return whether the engine has LATERAL."""
        ...

    def usage_key_terms(self, one: str, other: str) -> str:
        """Return terms, each followed by AND, with which the engine finds equal facts in an index.

        `one` is an alias of `usage_keys`, `other` of a table with columns of the same names. The terms are
        true for all rows with equal facts, and possibly for further rows.
        """
        ...

    def indexed_by(self, index: str) -> str:
        """Return the clause that follows `spans` in a query to make it use this index; may be empty."""
        ...

    def next_child(self, parent: str, after: str) -> str:
        """Return condition, ORDER BY and LIMIT that seek the child of a span with the next span id.

        They follow further conditions on `spans AS s`. Both arguments are SQL expressions.
        """
        ...

    def total(self, number: str) -> str:
        """Return a sum: 0 without rows, exact up to 2^53 at least, and never an overflow error."""
        ...

    def sum_as_text(self, total: str) -> str:
        """Cast an integer sum so that the driver decodes it cheaply, to a value that `int` accepts."""
        ...

    def in_subquery(self, column: str, select: str) -> str:
        """Return a term: the column equals one of the few values of a subquery, which runs first."""
        ...

    def in_array(self, column: str) -> str:
        """Return a term: the column equals an element of one binding, a `bytes_array` or `integers`."""
        ...

    def texts(self, values: Sequence[str]) -> Any:
        """Return a binding for an array of texts, which must not be empty."""
        ...

    def of_each_text(self, columns: str, index: str, condition: str) -> str:
        """Return a query for rows of `spans` by a condition on `wanted.value`, an element of a text array.

        It seeks the index for each element, and may limit the rows of each. The array is the first binding.
        """
        ...

    def integers(self, values: Sequence[int]) -> Any:
        """Return a binding: a non-empty array of integers."""
        ...

    def in_slots(self, first: int, last: int) -> tuple[str, Values]:
        """Return a term for `spans_by_response` that holds for starts in these slots, and its bindings.

        The term ends with AND. It is empty if the index is sorted by row id: callers limit row ids as well.
        """
        ...

    def text_end(self, text: str, characters: int) -> str:
        """Return an expression for the last characters of a text, as the index of response ids has it."""
        ...

    def by_response(
        self,
        connection: Connection,
        columns: str,
        condition: str,
        wanted: tuple[int, Mapping[int, Sequence[str]], Values],
    ) -> Iterable[Values]:
        """Return rows of `spans` by the index of response ids, `spans_by_response`.

        `wanted` are the project, the ends of ids by slot of the start, and the bindings of the condition.
        """
        ...

    def bytes_array(self, values: Sequence[bytes]) -> Any:
        """Return a binding: a non-empty array of byte strings."""
        ...

    def in_each(
        self, connection: Connection, query: str, bindings: Sequence[SqlValue], ranges: Sequence[IdRange]
    ) -> Iterator[Values]:
        """Run a query for each of several ranges of row ids; yield the number of the range before each row.

        In the query, `{within}` is replaced by a term: `spans.id` is in the range. The query must not have
        bindings after it.
        """
        ...

    def in_each_trace(
        self,
        connection: Connection,
        query: str,
        before: Sequence[SqlValue],
        after: Sequence[SqlValue],
        trace_ids: Sequence[bytes],
    ) -> Iterator[Values]:
        """Run a query for each of several traces; yield the number of the trace before each row.

        In the query, `{of_trace}` is replaced by a term: the row of `spans` is of the trace. `before` and
        `after` are the bindings before and after that place.
        """
        ...

    def unnest_bytes(self, name: str) -> str:
        """Return a table of this name; its column `value` has the elements of one `bytes_array` binding."""
        ...

    def has_tag(self) -> str:
        """Return a term: the row has the tag of the next binding."""
        ...

    def unnest_tags(self, tags: str) -> str:
        """Return a join with each tag of the column `tags` as `tag.value`; NULL for a row without tags."""
        ...

    def binary_collation(self, text: str) -> str:
        """Return a text expression for ORDER BY that sorts by code points."""
        ...

    def contains_text(self, columns: Sequence[str], text: str) -> tuple[str, list[SqlValue]]:
        """Return a term and its bindings: one of the columns contains the text, in any case."""
        ...

    def sanitized(self, row: SpanRow) -> SpanRow:
        """Replace characters that the engine cannot store (NUL)."""
        ...

    def sanitized_columns(self, columns: Mapping[str, SqlValue]) -> Mapping[str, SqlValue]:
        """Replace characters that the engine cannot store (NUL) in the values of columns of `spans`."""
        ...

    def trace_sizes(
        self, connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> list[tuple[bytes, int]]:
        """Return the id and the number of stored spans, counted up to a limit, of each trace that has any."""
        ...

    def some_of_traces(
        self, connection: Connection, columns: str, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> Iterable[Values]:
        """Ask for columns of the stored spans of these traces, of each up to a limit, or a few more."""
        ...

    def all_of_trace(
        self, connection: Connection, columns: str, project: int, trace_id: bytes
    ) -> list[Values]:
        """Return columns of all stored spans of a trace, in any order."""
        ...

    def update_rows(
        self,
        connection: Connection,
        columns: Sequence[str],
        values: Values,
        project: int,
        rows: Sequence[SqlValue],
    ) -> None:
        """Set columns of some rows of `spans` to the same values. `rows` has their last `row_key` column."""
        ...

    def block_ids(self, connection: Connection) -> Iterator[int]:
        """Yield ids for new blocks of content, ascending, each only once."""
        ...

    def insert(self, connection: Connection, rows: Iterable[Values], bodies: Sequence[Values]) -> None:
        """Insert rows (`spans.COLUMNS`) and bodies: the number of the row, then `spans.BODY_COLUMNS`.

        `rows` is iterated while earlier rows are being stored, so it must not use the connection.
        """
        ...

    def upsert(self, connection: Connection, sql: str, rows: Sequence[tuple[int, ...]]) -> None:
        """Run an INSERT in which rows of integers replace `{rows}`, in order. No key may occur twice."""
        ...

    def add_calls(self, connection: Connection, calls: Sequence[tuple[int, int]]) -> None:
        """Add to `usage_keys.calls`. Each item is a key and the number to add, in the order of keys."""
        ...


def row_condition(dialect: SqlDialect) -> str:
    """Return the SQL condition that selects one row by the values of `SqlDialect.row_key`."""
    return " AND ".join(f"{column} = ?" for column in dialect.row_key)
