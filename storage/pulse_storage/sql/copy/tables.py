"""Everything of a project beside its rows: keys, prices, policy, log events, sums of rows that aged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from pulse_storage.rows import ApiKey, Project, ProjectPrices
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.tables.prices import prices_of, put_prices
from pulse_storage.sql.tables.projects import keys_of, project_key
from pulse_storage.sql.tables.rollups import DAY_NS, HOUR_NS, HOUR_SUMS, UsageKeys
from pulse_storage.sql.tables.watermarks import read_marks

_FACTS = "provider, model_requested, model_used, operation, status"
_HOUR_SUMS = ", ".join(HOUR_SUMS)
_EVENTS = "otel_trace_id, otel_span_id, digest, time_ns, rank, name, document"
_CONTENTS = (
    "otel_trace_id, otel_span_id, id, finish_reason, input_preview, output_preview, output_text,"
    " request_body, response_body"
)
_ERASURES = (
    "id, subject, value, requested_ns, finished_ns, erased_rows, erased_calls, erased_events,"
    " erased_tokens, erased_cost_nano_usd"
)


class Frame(NamedTuple):
    """A project without its rows."""

    project: Project
    keys: list[ApiKey]
    prices: ProjectPrices | None
    policy: str | None
    rows_from: bytes
    content_from: bytes
    erasures: list[Values]
    #: Sums of hours and days from which retention took rows: the usage key's facts, then the columns.
    hours: list[Values]
    days: list[Values]


def read_frame(connection: Connection, project: Project) -> Frame:
    """A project's frame, on one snapshot."""
    key = cast("int", project_key(connection, project.id))
    marks = read_marks(connection, key)
    first_hour, first_day = _first_complete(marks.rows_from_ns) if marks.rows_from else (None, None)
    return Frame(
        project,
        keys_of(connection, project.id),
        prices_of(connection, key),
        marks.policy,
        marks.rows_from,
        marks.content_from,
        connection.execute(f"SELECT {_ERASURES} FROM erasures WHERE project = ?", (key,)).fetchall(),
        _sums(connection, "rollup_hour", "hour", _HOUR_SUMS, key, first_hour),
        _sums(connection, "latency_day", "day", "bucket, calls", key, first_day),
    )


def put_frame(connection: Connection, usage_keys: UsageKeys, frame: Frame) -> int:
    """Make the project if it is not there, and everything of it as the frame says; its number."""
    project = frame.project
    connection.execute(
        "INSERT INTO projects (id, name, created_ns) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, created_ns = excluded.created_ns",
        project,
    )
    key = cast("int", project_key(connection, project.id))
    for api_key in frame.keys:
        connection.execute(
            "INSERT INTO api_keys"
            " (id, project, digest, hint, scopes, created_ns, last_used_ns, expires_ns, revoked_ns)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " last_used_ns = excluded.last_used_ns, expires_ns = excluded.expires_ns,"
            " revoked_ns = excluded.revoked_ns",
            (
                api_key.id, key, api_key.digest, api_key.hint, " ".join(sorted(api_key.scopes)),
                api_key.created_ns, api_key.last_used_ns, api_key.expires_ns, api_key.revoked_ns,
            ),
        )  # fmt: skip
    if frame.prices is not None:
        put_prices(connection, project.id, frame.prices)
    connection.execute(
        "INSERT INTO retention (project, policy, rows_from, content_from) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET policy = excluded.policy, rows_from = excluded.rows_from,"
        " content_from = excluded.content_from",
        (key, frame.policy, frame.rows_from, frame.content_from),
    )
    for id, *columns in frame.erasures:
        connection.execute(
            f"INSERT INTO erasures ({_ERASURES}, project) VALUES ({', '.join('?' * 11)})"
            " ON CONFLICT (id) DO NOTHING",
            (id, *columns, key),
        )
    return key


def put_sums(connection: Connection, usage_keys: UsageKeys, project: int, frame: Frame) -> None:
    """Make the sums of hours and days from which retention took rows those of the frame."""
    if not frame.rows_from:
        return
    marks = read_marks(connection, project)
    usage_keys.see_epoch(project, marks.usage_epoch)
    first_hour, first_day = _first_complete(marks.rows_from_ns)
    for table, unit, first, rows in (
        ("rollup_hour", "hour", first_hour, frame.hours),
        ("latency_day", "day", first_day, frame.days),
    ):
        connection.execute(f"DELETE FROM {table} WHERE project = ? AND {unit} < ?", (project, first))
        values: list[Values] = []
        for provider, requested, used, operation, status, *columns in rows:
            facts = cast("tuple[str | None, ...]", (provider, requested, used, operation))
            usage_key = usage_keys.key((project, *facts, cast("str", status)))  # pyright: ignore[reportArgumentType]
            if table == "rollup_hour":
                values.append((project, columns[0], usage_key, *columns[1:]))
            else:
                day, bucket, calls = columns
                values.append((project, day, bucket, usage_key, calls))
        if values:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)


def read_events(
    connection: Connection, project: int, after: Sequence[SqlValue], limit: int
) -> tuple[list[Values], list[Values]]:
    """Log events that follow a (trace, span, digest), and the contents of their spans."""
    where, bindings = (
        ("", ())
        if not after
        else (
            " AND (otel_trace_id, otel_span_id, digest) > (?, ?, ?)",
            tuple(after),
        )
    )
    events = connection.execute(
        f"SELECT {_EVENTS} FROM span_events WHERE project = ?{where}"
        f" ORDER BY otel_trace_id, otel_span_id, digest LIMIT {limit:d}",
        (project, *bindings),
    ).fetchall()
    contents: list[Values] = []
    for key in dict.fromkeys(event[:2] for event in events):
        contents += connection.execute(
            f"SELECT {_CONTENTS} FROM span_event_contents"
            " WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?",
            (project, *key),
        ).fetchall()
    return events, contents


def put_events(
    connection: Connection, project: int, events: Sequence[Values], contents: Sequence[Values]
) -> None:
    """Keep log events and what they came to; those that are there stay."""
    connection.executemany(
        f"INSERT INTO span_events (project, {_EVENTS}) VALUES ({', '.join('?' * 8)}) ON CONFLICT DO NOTHING",
        [(project, *event) for event in events],
    )
    columns = _CONTENTS.split(", ")
    changed = ", ".join(f"{column.strip()} = excluded.{column.strip()}" for column in columns[2:])
    connection.executemany(
        f"INSERT INTO span_event_contents (project, {_CONTENTS}) VALUES ({', '.join('?' * 10)})"
        f" ON CONFLICT (project, otel_trace_id, otel_span_id) DO UPDATE SET {changed}",
        [(project, *content) for content in contents],
    )


def _first_complete(rows_from_ns: int) -> tuple[int, int]:
    """The first hour and the first day from which no row has been dropped."""
    return -(-rows_from_ns // HOUR_NS), -(-rows_from_ns // DAY_NS)


def _sums(
    connection: Connection, table: str, unit: str, columns: str, project: int, before: int | None
) -> list[Values]:
    if before is None:
        return []
    facts = ", ".join(f"usage_keys.{fact}" for fact in _FACTS.split(", "))
    summed = ", ".join(f"{table}.{column}" for column in (unit, *columns.split(", ")))
    return connection.execute(
        f"SELECT {facts}, {summed} FROM {table} INNER JOIN usage_keys ON usage_keys.key = {table}.usage_key"
        f" WHERE {table}.project = ? AND {table}.{unit} < ?",
        (project, before),
    ).fetchall()
