"""The SQL and the operations of SQLite that differ from PostgreSQL's."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import apsw

from pulse_storage.ids import time_floor
from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, SLOT_BITS
from pulse_storage.rows import SpanRow, UnfitValue
from pulse_storage.sql.connection import Connection, IdRange, SqlValue, Values
from pulse_storage.sql.tables.spans import BODY_COLUMNS, COLUMNS

_INSERT = f"INSERT INTO spans (seq, {', '.join(COLUMNS)}) VALUES (?, {', '.join('?' * len(COLUMNS))})"
_INSERT_BODIES = (
    f"INSERT INTO span_bodies (seq, {', '.join(BODY_COLUMNS)})"
    f" VALUES (?, {', '.join('?' * len(BODY_COLUMNS))})"
)
#: Traces per statement, and the number of spans from which on each trace gets its own.
_TRACES_A_STATEMENT = 64
_FEW_SPANS = 1_000
_RESPONSE_END = f"substr(provider_request_id, -{RESPONSE_ID_CHARS:d})"
_US = 1_000
#: Rows that one statement changes.
_ROWS_A_STATEMENT = 8


class SqliteDialect:
    """See `SqlDialect`. The integer `seq` is the key of rows and of their bodies."""

    row_key = ("seq",)
    has_lateral_joins = False
    data_errors = (
        apsw.ConstraintError,
        apsw.MismatchError,
        apsw.TooBigError,
        OverflowError,
        UnicodeEncodeError,
        UnfitValue,
    )

    def usage_key_terms(self, one: str, other: str) -> str:
        """See SqlDialect: the index `usage_keys_by_facts` serves `IS`, also for NULL."""
        return ""

    def indexed_by(self, index: str) -> str:
        """See SqlDialect."""
        return f" INDEXED BY {index}"

    def next_child(self, parent: str, after: str) -> str:
        """See SqlDialect."""
        return f"s.parent_span_id = {parent} AND s.otel_span_id > {after} ORDER BY s.otel_span_id LIMIT 1"

    def total(self, number: str) -> str:
        """See SqlDialect: `sum` would raise an error beyond 2^63."""
        return f"total({number})"

    def sum_as_text(self, total: str) -> str:
        """See SqlDialect."""
        return total

    def in_subquery(self, column: str, select: str) -> str:
        """See SqlDialect."""
        return f"{column} IN ({select})"

    def in_array(self, column: str) -> str:
        """See SqlDialect."""
        return f"{column} IN (SELECT value FROM carray(?))"

    def texts(self, values: Sequence[str]) -> Any:
        """See SqlDialect. Texts with NUL, which carray cannot contain, are left out: they find no row."""
        try:
            return apsw.carray(tuple(values))  # pyright: ignore[reportUnknownMemberType]
        except ValueError:
            without_nul = tuple(value for value in values if "\x00" not in value)
            # It cannot be empty.
            return apsw.carray(without_nul or ("",))  # pyright: ignore[reportUnknownMemberType]

    def of_each_text(self, columns: str, index: str, condition: str) -> str:
        """See SqlDialect: a cross join keeps the order of its tables."""
        return (
            f"SELECT {columns} FROM carray(?) AS wanted CROSS JOIN spans INDEXED BY {index} WHERE {condition}"
        )

    def integers(self, values: Sequence[int]) -> Any:
        """See SqlDialect."""
        return apsw.carray(array("q", values))  # pyright: ignore[reportUnknownMemberType]

    def in_slots(self, first: int, last: int) -> tuple[str, Values]:
        """See SqlDialect."""
        return "", ()

    def text_end(self, text: str, characters: int) -> str:
        """See SqlDialect."""
        return f"substr({text}, -{characters:d})"

    def by_response(
        self,
        connection: Connection,
        columns: str,
        condition: str,
        wanted: tuple[int, Mapping[int, Sequence[str]], Values],
    ) -> Iterable[Values]:
        """See SqlDialect: a statement for each slot, which reads the index entries of the slot."""
        project, ends, bindings = wanted
        select = (
            f"SELECT {columns} FROM spans INDEXED BY spans_by_response"
            f" WHERE project = ? AND id >= ? AND id < ? AND {_RESPONSE_END} IN (SELECT value FROM carray(?))"
            f" AND {condition}"
        )
        for slot, some in ends.items():
            yield from connection.execute(select, (project, *_ids_of(slot), self.texts(some), *bindings))

    def bytes_array(self, values: Sequence[bytes]) -> Any:
        """See SqlDialect."""
        return apsw.carray(tuple(values))  # pyright: ignore[reportUnknownMemberType]

    def in_each(
        self, connection: Connection, query: str, bindings: Sequence[SqlValue], ranges: Sequence[IdRange]
    ) -> Iterator[Values]:
        """See SqlDialect: a statement per range costs less than one for all, which would sort its rows."""
        one = query.format(within="spans.id >= ? AND spans.id < ?")
        for number, (first, before) in enumerate(ranges):
            for values in connection.execute(one, (*bindings, first, before)):
                yield number, *values

    def in_each_trace(
        self,
        connection: Connection,
        query: str,
        before: Sequence[SqlValue],
        after: Sequence[SqlValue],
        trace_ids: Sequence[bytes],
    ) -> Iterator[Values]:
        """See SqlDialect: a statement per trace."""
        one = query.format(of_trace="otel_trace_id = ?")
        for number, trace_id in enumerate(trace_ids):
            for values in connection.execute(one, (*before, trace_id, *after)):
                yield number, *values

    def unnest_bytes(self, name: str) -> str:
        """See SqlDialect."""
        return f"carray(?) AS {name}"

    def has_tag(self) -> str:
        """See SqlDialect."""
        return "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)"

    def unnest_tags(self, tags: str) -> str:
        """See SqlDialect."""
        return f" LEFT JOIN json_each({tags}) AS tag ON TRUE"

    def binary_collation(self, text: str) -> str:
        """See SqlDialect."""
        return text

    def contains_text(self, columns: Sequence[str], text: str) -> tuple[str, list[SqlValue]]:
        """See SqlDialect."""
        if not text.isascii():
            folded = text.casefold()
            return _any_of(f"holds_folded({column}, ?)" for column in columns), [folded] * len(columns)
        # LIKE folds the case of ASCII only.
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        terms = _any_of(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
        return terms, [f"%{escaped}%"] * len(columns)

    def sanitized(self, row: SpanRow) -> SpanRow:
        """See SqlDialect: SQLite stores all texts."""
        return row

    def sanitized_columns(self, columns: Mapping[str, SqlValue]) -> Mapping[str, SqlValue]:
        """See SqlDialect: SQLite stores all texts."""
        return columns

    def trace_sizes(
        self, connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> list[tuple[bytes, int]]:
        """See SqlDialect."""
        rows = connection.execute(
            # A literal: SQLite prepares a statement again when a bound limit changes.
            "SELECT value, (SELECT count(*) FROM (SELECT 1 FROM spans INDEXED BY spans_by_trace"
            f" WHERE project = ?1 AND otel_trace_id = value LIMIT {limit:d})) AS size"
            " FROM carray(?2) WHERE size > 0",
            (project, self.bytes_array(trace_ids)),
        )
        return rows.fetchall()

    def some_of_traces(
        self, connection: Connection, columns: str, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> Iterable[Values]:
        """See SqlDialect. Several traces per statement; a statement per trace if they have many spans."""
        select = f"SELECT {columns} FROM spans INDEXED BY spans_by_trace WHERE project = ?1 AND otel_trace_id"
        found: list[Values] = []
        for at in range(0, len(trace_ids), _TRACES_A_STATEMENT):
            traces = trace_ids[at : at + _TRACES_A_STATEMENT]
            some = connection.execute(
                f"{select} IN (SELECT value FROM carray(?2)) LIMIT {_FEW_SPANS:d}",
                (project, self.bytes_array(traces)),
            ).fetchall()
            if len(some) == _FEW_SPANS:
                each = f"{select} = ?2 LIMIT {limit:d}"
                some = [row for trace_id in traces for row in connection.execute(each, (project, trace_id))]
            found += some
        return found

    def all_of_trace(
        self, connection: Connection, columns: str, project: int, trace_id: bytes
    ) -> list[Values]:
        """See SqlDialect. In the order of `seq`: rows of a trace are near each other in the table."""
        return connection.execute(
            f"SELECT {columns} FROM spans WHERE seq IN (SELECT seq FROM spans INDEXED BY spans_by_trace"
            " WHERE project = ? AND otel_trace_id = ? ORDER BY seq)",
            (project, trace_id),
        ).fetchall()

    def update_rows(
        self,
        connection: Connection,
        columns: Sequence[str],
        values: Values,
        project: int,
        rows: Sequence[SqlValue],
    ) -> None:
        """See SqlDialect. Only two forms of the statement, so that each is prepared once."""
        for at in range(0, len(rows), _ROWS_A_STATEMENT):
            some = rows[at : at + _ROWS_A_STATEMENT]
            if len(some) > 1:
                some = (*some, *[some[-1]] * (_ROWS_A_STATEMENT - len(some)))
            connection.execute(_update(tuple(columns), len(some)), (*values, *some))

    def block_ids(self, connection: Connection) -> Iterator[int]:
        """See SqlDialect."""
        return count(1 + connection.execute("SELECT ifnull(max(id), 0) FROM content_blocks").get)

    def insert(self, connection: Connection, rows: Iterable[Values], bodies: Sequence[Values]) -> None:
        """See SqlDialect."""
        first = 1 + connection.execute("SELECT ifnull(max(seq), 0) FROM spans").get
        connection.executemany(_INSERT, ((seq, *row) for seq, row in enumerate(rows, first)))
        connection.executemany(_INSERT_BODIES, ((first + index, *body) for index, *body in bodies))

    def upsert(self, connection: Connection, sql: str, rows: Sequence[tuple[int, ...]]) -> None:
        """See SqlDialect."""
        if rows:
            connection.executemany(sql.format(rows=f"VALUES ({', '.join('?' * len(rows[0]))})"), rows)

    def add_calls(self, connection: Connection, calls: Sequence[tuple[int, int]]) -> None:
        """See SqlDialect."""
        connection.executemany("UPDATE usage_keys SET calls = calls + ?2 WHERE key = ?1", calls)


def _ids_of(slot: int) -> IdRange:
    """Return a range that contains the row ids of a slot; an id stands for a quarter of a microsecond."""
    return time_floor(slot << SLOT_BITS), time_floor(((slot + 1) << SLOT_BITS) + _US)


@lru_cache(64)
def _update(columns: tuple[str, ...], rows: int) -> str:
    assigned = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE spans SET {assigned} WHERE seq IN ({', '.join('?' * rows)})"


def holds_folded(text: SqlValue, folded: SqlValue) -> bool:
    """Return True if the case-folded text contains `folded`. The SQL function `holds_folded`."""
    return isinstance(text, str) and isinstance(folded, str) and folded in text.casefold()


def _any_of(terms: Iterable[str]) -> str:
    return f"({' OR '.join(terms)})"
