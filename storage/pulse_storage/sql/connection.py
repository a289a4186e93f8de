"""A connection to a database as the shared code uses it, and what its engine says in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pulse_storage.rows import SpanRow

SqlValue = None | int | float | str | bytes
#: One row, as bindings or as a result. Untyped: the types of its values follow from the statement.
Values = tuple[Any, ...]
#: Half-open.
IdRange = tuple[bytes, bytes]


class Cursor(Protocol):
    """The rows that a statement answers."""

    def __iter__(self) -> Iterator[Values]: ...
    def fetchone(self) -> Values | None: ...
    def fetchall(self) -> list[Values]: ...

    @property
    def get(self) -> Any:
        """The first value of the next row; None without rows."""
        ...


class Connection(Protocol):
    """One connection; what it executes is within a transaction that its owner begins and ends."""

    @property
    def dialect(self) -> SqlDialect: ...

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor:
        """Run one statement; each `?` takes the next of the bindings."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """Run a block; an error that leaves the block undoes its changes."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[SqlValue]], /) -> object:
        """Run a statement that answers nothing once for each row of bindings."""
        ...

    def lock_spans(self, spans: Iterable[tuple[int, bytes, str | None, str | None]], /) -> bool:
        """Keep other processes from storing spans of these traces and calls until the transaction ends.

        Each is a project, a trace id, a response id and a partner key. Call it first in a transaction. Return
        True if no other connection can store any span until the transaction ends, and none has stored one
        since the previous call.
        """
        ...

    def lock_more(self, project: int, trace_ids: Sequence[bytes], /) -> None:
        """The same, for what was found to be needed on the way; before it is read."""
        ...

    def require_exclusive(self) -> None:
        """Exclude transactions of other processes that store spans, or have this one run again that way."""
        ...

    def lock_usage_keys(self) -> None:
        """Until the transaction ends, no other one adds usage keys."""
        ...

    def lock_projects(self) -> None:
        """Until the transaction ends, no other one does this."""
        ...


class SqlDialect(Protocol):
    """How one engine says what the others say differently."""

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that name a row in `spans` and in `span_bodies`; the last does within a project."""
        ...

    @property
    def data_errors(self) -> tuple[type[Exception], ...]:
        """What a row can do wrong; anything else that is raised is about the store, or our mistake."""
        ...

    @property
    def has_lateral_joins(self) -> bool:
        """Whether the engine has LATERAL."""
        ...

    def usage_key_terms(self, one: str, other: str) -> str:
        """Return terms, each with an AND behind it, that let the engine look up equal facts by an index.

        `one` is an alias of `usage_keys`, `other` of a table with columns of the same names. The terms hold
        for all rows with equal facts, and may hold for others.
        """
        ...

    def indexed_by(self, index: str) -> str:
        """Follows the name of `spans` in a query that shall use this index."""
        ...

    def next_child(self, parent: str, after: str) -> str:
        """The condition, order and limit that select the child of a span with the next id, by one seek.

        They follow other conditions on `spans AS s`; both arguments are expressions.
        """
        ...

    def total(self, number: str) -> str:
        """The sum of a number: 0 without rows, exact to 2^53 at least, and never an error."""
        ...

    def sum_as_text(self, total: str) -> str:
        """A sum of whole numbers as it is read with the least effort: something that `int` takes."""
        ...

    def in_subquery(self, column: str, select: str) -> str:
        """A term that holds if a column is among the few values that a query answers, which is run first."""
        ...

    def in_array(self, column: str) -> str:
        """A term that holds if a column of bytes is among those of one binding, a `bytes_array`."""
        ...

    def texts(self, values: Sequence[str]) -> Any:
        """Return an array of texts to be bound; it must not be empty."""
        ...

    def of_each_text(self, columns: str, index: str, condition: str) -> str:
        """Return a query for the rows of `spans` that meet a condition on `wanted.value`, a text of an array.

        It seeks the index for each text. The array is bound first.
        """
        ...

    def integers(self, values: Sequence[int]) -> Any:
        """Return an array of whole numbers to be bound; it must not be empty."""
        ...

    def in_slots(self, first: int, last: int) -> tuple[str, Values]:
        """Return a term for `spans_by_response` that holds for starts in these slots, and its bindings.

        AND follows the term. It is empty where the index is sorted by row id, of which there is a range too.
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
    ) -> list[Iterable[Values]]:
        """Request rows of `spans` by the index of response ids, `spans_by_response`.

        `wanted` are the project, the ends of ids by slot of the start, and the bindings of the condition.
        """
        ...

    def bytes_array(self, values: Sequence[bytes]) -> Any:
        """An array to be bound; it must not be empty."""
        ...

    def in_each(
        self, connection: Connection, query: str, bindings: Sequence[SqlValue], ranges: Sequence[IdRange]
    ) -> Iterator[Values]:
        """The rows that a query answers for each of several ranges of ids, behind the number of the range.

        `{within}` stands in the query for a term that holds if `spans.id` is in the range; behind it, nothing
        is bound.
        """
        ...

    def unnest_bytes(self, name: str) -> str:
        """A table of this name with the column `value`: the bytes of one binding, a `bytes_array`."""
        ...

    def has_tag(self) -> str:
        """A term that holds if the row has the tag that is bound."""
        ...

    def unnest_tags(self, tags: str) -> str:
        """A join with each tag of a column of tags as `tag.value`, or with NULL where there is none."""
        ...

    def binary_collation(self, text: str) -> str:
        """A text as ORDER BY takes it to sort by code points."""
        ...

    def contains_text(self, columns: Sequence[str], text: str) -> tuple[str, list[SqlValue]]:
        """A term that holds if any of the columns holds the text, any case; and what is bound to it."""
        ...

    def sanitized(self, row: SpanRow) -> SpanRow:
        """The row with what the engine cannot hold replaced, where that loses next to nothing."""
        ...

    def trace_sizes(
        self, connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> list[tuple[bytes, int]]:
        """Which of these traces have stored spans, and how many, counted up to a limit; in one statement."""
        ...

    def some_of_traces(
        self, connection: Connection, columns: str, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> Iterable[Values]:
        """Ask for columns of the stored spans of these traces, of each up to a limit, or a few more."""
        ...

    def update_rows(
        self,
        connection: Connection,
        columns: Sequence[str],
        values: Values,
        project: int,
        rows: Sequence[SqlValue],
    ) -> None:
        """Set columns to the same values in some rows of `spans`, each by the last of `row_key`."""
        ...

    def block_ids(self, connection: Connection) -> Iterator[int]:
        """Ids for new blocks of content, never given out twice; ascending."""
        ...

    def insert(self, connection: Connection, rows: Iterable[Values], bodies: Sequence[Values]) -> None:
        """Insert rows (`spans.COLUMNS`) and bodies: index among the rows, then `spans.BODY_COLUMNS`.

        Rows may be made while earlier ones are stored already; making them must not use the connection.
        """
        ...

    def upsert(self, connection: Connection, sql: str, rows: Sequence[tuple[int, ...]]) -> None:
        """Run an INSERT whose `{rows}` stands for rows of whole numbers; in their order, no key twice."""
        ...

    def add_calls(self, connection: Connection, calls: Sequence[tuple[int, int]]) -> None:
        """Add to `usage_keys.calls`; each is a key and by how much, in the order of keys."""
        ...
