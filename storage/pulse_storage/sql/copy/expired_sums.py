"""Sums of hours and days from which retention has deleted rows, read for copies and replaced by them."""

from __future__ import annotations

from pulse_storage.copying import ExpiredSums, KeyFacts
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.rollups import DAY_NS, HOUR_NS, HOUR_SUMS, Facts, UsageKeys
from pulse_storage.sql.tables.watermarks import read_watermarks


def facts_of(project: int, facts: KeyFacts) -> Facts:
    """Return the facts by which `UsageKeys` finds a key."""
    return (project, facts.provider, facts.model_requested, facts.model_used, facts.operation, facts.status)


_Sums = list[tuple[KeyFacts, tuple[int, ...]]]


def read_expired(connection: Connection, project: int) -> ExpiredSums:
    """See `RawStore.read_expired`."""
    watermarks = read_watermarks(connection, project)
    if not watermarks.rows_from:
        return ExpiredSums(b"", watermarks.content_from)
    first_hour, first_day = _first_complete(watermarks.rows_from_ns)
    return ExpiredSums(
        watermarks.rows_from,
        watermarks.content_from,
        _sums(connection, "rollup_hour", "hour", HOUR_SUMS, project, first_hour),
        _sums(connection, "latency_day", "day", ("bucket", "calls"), project, first_day),
    )


def put_expired(connection: Connection, usage_keys: UsageKeys, project: int, sums: ExpiredSums) -> None:
    """See `RawStore.put_expired`."""
    connection.execute(
        "INSERT INTO retention (project, rows_from, content_from) VALUES (?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET rows_from = excluded.rows_from,"
        " content_from = excluded.content_from",
        (project, sums.rows_from, sums.content_from),
    )
    if not sums.rows_from:
        return
    watermarks = read_watermarks(connection, project)
    usage_keys.see_epoch(project, watermarks.usage_epoch)
    first_hour, first_day = _first_complete(watermarks.rows_from_ns)
    connection.execute("DELETE FROM rollup_hour WHERE project = ? AND hour < ?", (project, first_hour))
    connection.execute("DELETE FROM latency_day WHERE project = ? AND day < ?", (project, first_day))
    hours: list[Values] = [
        (project, hour, usage_keys.key(facts_of(project, facts)), *values)
        for facts, (hour, *values) in sums.hours
    ]
    days: list[Values] = [
        (project, day, bucket, usage_keys.key(facts_of(project, facts)), calls)
        for facts, (day, bucket, calls) in sums.days
    ]
    for table, rows in (("rollup_hour", hours), ("latency_day", days)):
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _first_complete(rows_from_ns: int) -> tuple[int, int]:
    """Return the first hour and the first day from which no row has been deleted."""
    return -(-rows_from_ns // HOUR_NS), -(-rows_from_ns // DAY_NS)


def _sums(
    connection: Connection, table: str, unit: str, columns: tuple[str, ...], project: int, before: int
) -> _Sums:
    facts = ", ".join(f"usage_keys.{fact}" for fact in KeyFacts._fields)
    summed = ", ".join(f"{table}.{column}" for column in (unit, *columns))
    rows = connection.execute(
        f"SELECT {facts}, {summed} FROM {table} INNER JOIN usage_keys ON usage_keys.key = {table}.usage_key"
        f" WHERE {table}.project = ? AND {table}.{unit} < ?",
        (project, before),
    )
    width = len(KeyFacts._fields)
    return [(KeyFacts._make(row[:width]), row[width:]) for row in rows]
