"""The SQL and the operations of PostgreSQL that differ from SQLite's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import psycopg

from pulse_storage.postgres.arrays import BytesArray, Int8Array, TextArray
from pulse_storage.postgres.case_folding import folded_pattern
from pulse_storage.postgres.translate_errors import DATA_ERRORS
from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, SLOT
from pulse_storage.rows import SpanRow, columns_of
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sql.connection import Connection, IdRange, SqlValue, Values
from pulse_storage.sql.tables.spans import BODY_COLUMNS, COLUMNS

_JSON_COLUMNS = ("tags", "own")
#: Not an escaped backslash before `u0000`.
_NUL_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_COPY_ROWS = f"COPY spans ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
_COPY_BODIES = (
    f"COPY span_bodies (project, id, {', '.join(BODY_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
)
_SQL_TYPES = {bool: "bool", int: "int8", float: "float8", str: "text", bytes: "bytea", tuple: "text"}
#: Columns that are no fields of `SpanRow`, or are stored in another type.
_ADDED_TYPES = {
    "id": "bytea", "project": "int8", "usage_key": "int8", "latency_bucket": "int4",
    "has_output_text": "bool", "has_request_body": "bool", "has_response_body": "bool",
    "output_from": "bytea", "request_from": "bytea", "response_from": "bytea", "own": "text",
}  # fmt: skip
#: The type of each column of `spans`: binary COPY needs them.
_TYPES = {name: _SQL_TYPES[column.type] for name, column in columns_of(SpanRow).items()} | _ADDED_TYPES

_ROW_TYPES = [_TYPES[column] for column in COLUMNS]
_BODY_TYPES = ["int8", "bytea", *["bytea"] * len(BODY_COLUMNS)]
#: The increment of the sequence.
_BLOCK_IDS = 100
#: Locks the rows in the order of keys first: an UPDATE alone locks in any order, and could deadlock.
_ADD_CALLS = """
WITH moved AS (
    SELECT key, more FROM usage_keys
    INNER JOIN unnest(?::bigint[], ?::bigint[]) AS added (key, more) USING (key)
    ORDER BY key FOR UPDATE OF usage_keys
)
UPDATE usage_keys SET calls = calls + more FROM moved WHERE usage_keys.key = moved.key"""
#: A range, because of the planner: after a partition that is mostly one trace, it expects equality with any
#: other trace to match as many rows, and reads the whole project. For a range it uses `spans_by_trace`.
_OF_TRACE = "otel_trace_id >= trace_id AND otel_trace_id <= trace_id"
_OF_EACH_TRACE = _OF_TRACE.replace(" trace_id", " each.trace_id")
#: The expression of the index `usage_keys_by_facts`.
_HASH = "hashtextextended({}, 0)".format(
    " || E'\\n' || ".join(
        f"coalesce({{t}}.{fact}, '')"
        for fact in ("provider", "model_requested", "model_used", "operation", "status")
    )
)
_PROJECT_AT, _ID_AT = COLUMNS.index("project"), COLUMNS.index("id")


class _ByDriver(Protocol):
    """The parts of a PostgresConnection that COPY needs."""

    raw: psycopg.Connection[Values]
    priority: ReadPriority


#: Rows that are read per text. Equal ids do not occur as often within seconds.
_MAX_ROWS_A_TEXT = 1_000
_PLAN = "SELECT set_config('plan_cache_mode', ?, true)"
_RESPONSE_END = f"right(provider_request_id, {RESPONSE_ID_CHARS:d})"


class PostgresDialect:
    """See `SqlDialect`."""

    row_key = ("project", "id")
    data_errors = DATA_ERRORS
    has_lateral_joins = True

    def usage_key_terms(self, one: str, other: str) -> str:
        """See SqlDialect: compares hashes. An index cannot serve IS NOT DISTINCT FROM or very long facts."""
        return f"{_HASH.format(t=one)} = {_HASH.format(t=other)} AND "

    def indexed_by(self, index: str) -> str:
        """See SqlDialect: the planner decides."""
        return ""

    def next_child(self, parent: str, after: str) -> str:
        """See SqlDialect. The ORDER BY is one that only the index `spans_by_parent` has."""
        return (
            f"s.parent_span_id >= {parent} AND s.parent_span_id <= {parent}"
            f" AND (s.parent_span_id, s.otel_span_id) > ({parent}, {after})"
            " ORDER BY s.parent_span_id, s.otel_span_id LIMIT 1"
        )

    def total(self, number: str) -> str:
        """See SqlDialect: sums of bigint are numeric."""
        return f"coalesce(sum({number}), 0)"

    def sum_as_text(self, total: str) -> str:
        """See SqlDialect: decoding a binary numeric into a Decimal takes forty times as long."""
        return f"({total})::text"

    def in_subquery(self, column: str, select: str) -> str:
        """See SqlDialect: with an array, the planner must run the subquery first."""
        return f"{column} = ANY(ARRAY({select}))"

    def in_array(self, column: str) -> str:
        """See SqlDialect."""
        return f"{column} = ANY(?)"

    def texts(self, values: Sequence[str]) -> Any:
        """See SqlDialect."""
        return TextArray(values)

    def of_each_text(self, columns: str, index: str, condition: str) -> str:
        """See SqlDialect: because of the LIMIT, the planner seeks each text instead of a range of time."""
        return (
            "SELECT found.* FROM unnest(?::text[]) AS wanted (value) CROSS JOIN LATERAL"
            f" (SELECT {columns} FROM spans WHERE {condition} LIMIT {_MAX_ROWS_A_TEXT:d}) AS found"
        )

    def integers(self, values: Sequence[int]) -> Any:
        """See SqlDialect."""
        return bigints(values)

    def in_slots(self, first: int, last: int) -> tuple[str, Values]:
        """See SqlDialect."""
        return f"{SLOT} BETWEEN ? AND ? AND ", (first, last)

    def text_end(self, text: str, characters: int) -> str:
        """See SqlDialect."""
        return f"right({text}, {characters:d})"

    def by_response(
        self,
        connection: Connection,
        columns: str,
        condition: str,
        wanted: tuple[int, Mapping[int, Sequence[str]], Values],
    ) -> Iterable[Values]:
        """See SqlDialect. One statement: because of the LIMIT, the planner seeks each end, not a time range.

        Its plan is cached, because planning for all partitions takes longer than execution. The plans of
        updates are not cached: only a plan for the bound values skips partitions.
        """
        project, ends, bindings = wanted
        slots = [slot for slot, some in ends.items() for _ in some]
        texts = [end for some in ends.values() for end in some]
        connection.execute(_PLAN, ("force_generic_plan",))
        found = connection.execute(
            "SELECT found.* FROM unnest(?::bigint[], ?::text[]) AS wanted (slot, value) CROSS JOIN LATERAL"
            f" (SELECT {columns} FROM spans WHERE project = ? AND {SLOT} = wanted.slot"
            f" AND {_RESPONSE_END} = wanted.value AND {condition} LIMIT {_MAX_ROWS_A_TEXT:d}) AS found",
            (bigints(slots), self.texts(texts), project, *bindings),
        )
        connection.execute(_PLAN, ("auto",))
        return found

    def bytes_array(self, values: Sequence[bytes]) -> Any:
        """See SqlDialect."""
        return BytesArray(values)

    def in_each(
        self, connection: Connection, query: str, bindings: Sequence[SqlValue], ranges: Sequence[IdRange]
    ) -> Iterator[Values]:
        """See SqlDialect. One statement, which reads only the partition of each range."""
        one = query.format(
            within="spans.id >= part.first AND spans.id < part.before AND spans.id >= ? AND spans.id < ?"
        )
        firsts, befores = zip(*ranges, strict=True)
        yield from connection.execute(
            "SELECT part.number - 1, found.* FROM unnest(?::bytea[], ?::bytea[])"
            f" WITH ORDINALITY AS part (first, before, number) CROSS JOIN LATERAL ({one}) AS found",
            (self.bytes_array(firsts), self.bytes_array(befores), *bindings, min(firsts), max(befores)),
        )

    def in_each_trace(
        self,
        connection: Connection,
        query: str,
        before: Sequence[SqlValue],
        after: Sequence[SqlValue],
        trace_ids: Sequence[bytes],
    ) -> Iterator[Values]:
        """See SqlDialect. One statement; a lateral join seeks each trace, as in `trace_sizes`."""
        one = query.format(of_trace=_OF_EACH_TRACE)
        yield from connection.execute(
            "SELECT each.number - 1, found.* FROM unnest(?::bytea[]) WITH ORDINALITY"
            f" AS each (trace_id, number) CROSS JOIN LATERAL ({one}) AS found",
            (self.bytes_array(trace_ids), *before, *after),
        )

    def unnest_bytes(self, name: str) -> str:
        """See SqlDialect."""
        return f"unnest(?::bytea[]) AS {name} (value)"

    def has_tag(self) -> str:
        """See SqlDialect."""
        return "EXISTS (SELECT 1 FROM json_array_elements_text(tags::json) AS tag WHERE tag = ?)"

    def unnest_tags(self, tags: str) -> str:
        """See SqlDialect."""
        return f" LEFT JOIN LATERAL json_array_elements_text({tags}::json) AS tag (value) ON TRUE"

    def binary_collation(self, text: str) -> str:
        """See SqlDialect: the order of UTF-8 bytes is that of code points."""
        return f'{text} COLLATE "C"'

    def contains_text(self, columns: Sequence[str], text: str) -> tuple[str, list[SqlValue]]:
        """See SqlDialect."""
        if not text.isascii():
            pattern = folded_pattern(text)
            return f"({' OR '.join(f'{column} ~ ?' for column in columns)})", [pattern] * len(columns)
        # The columns are of collation C, in which ILIKE folds the case of ASCII only.
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"({' OR '.join(f'{column} ILIKE ?' for column in columns)})", [f"%{escaped}%"] * len(columns)

    def sanitized(self, row: SpanRow) -> SpanRow:
        """See SqlDialect: PostgreSQL has no text with NUL."""
        return row._replace(**{name: _without_nul(value) for name, value in row._asdict().items()})

    def sanitized_columns(self, columns: Mapping[str, SqlValue]) -> Mapping[str, SqlValue]:
        """See SqlDialect. JSON has NUL as an escape, which the functions of PostgreSQL refuse."""
        return {
            name: _text_without_nul(value, is_json=name in _JSON_COLUMNS) if isinstance(value, str) else value
            for name, value in columns.items()
        }

    def trace_sizes(
        self, connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> list[tuple[bytes, int]]:
        """See SqlDialect. A lateral join seeks each trace.

        With an array the planner depends on statistics, which a new partition lacks, and may read the whole
        index of the project.
        """
        rows = connection.execute(
            "SELECT trace_id, size FROM unnest(?::bytea[]) AS wanted (trace_id) CROSS JOIN LATERAL"
            " (SELECT count(*) AS size FROM (SELECT 1 FROM spans"
            f" WHERE project = ? AND {_OF_TRACE} LIMIT {limit:d}) AS first) AS found"
            " WHERE size > 0",
            (self.bytes_array(trace_ids), project),
        )
        return rows.fetchall()

    def some_of_traces(
        self, connection: Connection, columns: str, project: int, trace_ids: Sequence[bytes], limit: int
    ) -> Iterable[Values]:
        """See SqlDialect. A lateral join seeks each trace, as in `trace_sizes`."""
        return connection.execute(
            "SELECT found.* FROM unnest(?::bytea[]) AS wanted (trace_id) CROSS JOIN LATERAL"
            f" (SELECT {columns} FROM spans WHERE project = ? AND {_OF_TRACE} LIMIT {limit:d})"
            " AS found",
            (self.bytes_array(trace_ids), project),
        )

    def all_of_trace(
        self, connection: Connection, columns: str, project: int, trace_id: bytes
    ) -> list[Values]:
        """See SqlDialect."""
        found = self.in_each_trace(
            connection,
            f"SELECT {columns} FROM spans WHERE project = ? AND {{of_trace}}",
            (project,),
            (),
            [trace_id],
        )
        return [values[1:] for values in found]

    def update_rows(
        self,
        connection: Connection,
        columns: Sequence[str],
        values: Values,
        project: int,
        rows: Sequence[Any],
    ) -> None:
        """See SqlDialect."""
        assigned = ", ".join(f"{column} = ?" for column in columns)
        connection.execute(
            f"UPDATE spans SET {assigned} WHERE project = ? AND id = ANY(?)",
            (*values, project, self.bytes_array(rows)),
        )

    def block_ids(self, connection: Connection) -> Iterator[int]:
        """See SqlDialect."""
        while True:
            first = connection.execute("SELECT nextval('content_block_ids')").get
            yield from range(first, first + _BLOCK_IDS)

    def insert(self, connection: Connection, rows: Iterable[Values], bodies: Sequence[Values]) -> None:
        """See SqlDialect. Copies rows straight into the table: locks ensure that none of them is stored.

        The next rows are built while the server stores earlier ones.
        """
        driver = cast("_ByDriver", connection)
        raw = driver.raw
        keys: list[Values] = []
        with raw.cursor() as cursor, cursor.copy(_COPY_ROWS) as copy:
            copy.set_types(_ROW_TYPES)
            for row in driver.priority.each(rows):
                copy.write_row(row)
                if bodies:
                    keys.append((row[_PROJECT_AT], row[_ID_AT]))
        if bodies:
            with raw.cursor() as cursor, cursor.copy(_COPY_BODIES) as copy:
                copy.set_types(_BODY_TYPES)
                for body in bodies:
                    index: int = body[0]
                    copy.write_row(keys[index] + body[1:])

    def upsert(self, connection: Connection, sql: str, rows: Sequence[tuple[int, ...]]) -> None:
        """See SqlDialect. One statement for all rows: a statement costs as much as storing a span."""
        if rows:
            arrays = ", ".join(["?::bigint[]"] * len(rows[0]))
            connection.execute(sql.format(rows=f"SELECT * FROM unnest({arrays})"), _columns(rows))

    def add_calls(self, connection: Connection, calls: Sequence[tuple[int, int]]) -> None:
        """See SqlDialect."""
        if calls:
            connection.execute(_ADD_CALLS, _columns(calls))


def bigints(numbers: Iterable[int]) -> Any:
    """Return a binding for `?::bigint[]`."""
    return Int8Array(numbers)


def _columns(rows: Sequence[tuple[int, ...]]) -> list[SqlValue]:
    return [bigints(column) for column in zip(*rows, strict=True)]


def _text_without_nul(text: str, *, is_json: bool) -> str:
    return _NUL_ESCAPE.sub("\\1\ufffd", text) if is_json else text.replace("\x00", "\ufffd")


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, tuple):
        return tuple(map(_without_nul, cast("tuple[object, ...]", value)))
    return value
