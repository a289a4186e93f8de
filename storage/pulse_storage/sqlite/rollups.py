"""Keeps the sums of counted rows: by hour, by day and latency, and in all, in the rows' own transaction."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from typing import NamedTuple, cast

from pulse_storage.sqlite.sql import Connection

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_MAX_CACHED_KEYS = 20_000

_UPSERT_HOUR = """
INSERT INTO rollup_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    calls = calls + excluded.calls,
    latency_calls = latency_calls + excluded.latency_calls,
    latency_sum_us = latency_sum_us + excluded.latency_sum_us,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
    unpriced = unpriced + excluded.unpriced"""
_UPSERT_DAY = """
INSERT INTO latency_day VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls"""


class Facts(NamedTuple):
    """By what calls are summed."""

    project: int
    provider: str | None
    model_requested: str | None
    model_used: str | None
    operation: str | None
    status: str


class Contribution(NamedTuple):
    """What one counted row adds to the sums."""

    project: int
    start_ns: int
    usage_key: int
    latency_ms: float | None
    latency_bucket: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_nano_usd: int | None


class UsageKeys:
    """The numbers of combinations of facts; they are made on first use and never change.

    What is remembered is bounded, and must be forgotten when a transaction is rolled back.
    """

    def __init__(self) -> None:
        self._keys: OrderedDict[Facts, int] = OrderedDict()

    def key(self, connection: Connection, facts: Facts) -> int:
        """The number of these facts, within a transaction that writes."""
        key = self._keys.get(facts)
        if key is None:
            key = self._keys[facts] = _find_or_add(connection, facts)
            if len(self._keys) > _MAX_CACHED_KEYS:
                self._keys.popitem(last=False)
        return key

    def forget(self) -> None:
        """Forget everything: some of it may have been rolled back."""
        self._keys.clear()


class RollupDelta:
    """By how much one transaction moves the sums."""

    def __init__(self) -> None:
        self._hours: defaultdict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0] * 7)
        self._days: defaultdict[tuple[int, int, int, int], int] = defaultdict(int)
        self._calls: defaultdict[int, int] = defaultdict(int)
        self._takes = False

    def add(self, row: Contribution) -> None:
        """A row counts from now on."""
        self._move(row, 1)

    def subtract(self, row: Contribution) -> None:
        """A row no longer counts, or is about to count for something else."""
        self._takes = True
        self._move(row, -1)

    def _move(self, row: Contribution, sign: int) -> None:
        project, start_ns, usage_key, latency_ms, bucket, input_tokens, output_tokens, cost = row
        self._calls[usage_key] += sign
        sums = self._hours[project, start_ns // HOUR_NS, usage_key]
        sums[0] += sign
        if latency_ms is not None and bucket is not None:
            sums[1] += sign
            sums[2] += sign * math.floor(latency_ms * 1000 + 0.5)
            self._days[project, start_ns // DAY_NS, usage_key, bucket] += sign
        tokens = 0
        if input_tokens:
            sums[3] += sign * input_tokens
            tokens = input_tokens
        if output_tokens:
            sums[4] += sign * output_tokens
            tokens += output_tokens
        if cost is not None:
            sums[5] += sign * cost
        elif tokens > 0:
            sums[6] += sign

    def write(self, connection: Connection) -> None:
        """Move the stored sums; in the order of their keys, so that pages are visited once."""
        hours = [(*key, *sums) for key, sums in sorted(self._hours.items()) if any(sums)]
        days = [(*key, calls) for key, calls in sorted(self._days.items()) if calls]
        totals = [(calls, key) for key, calls in sorted(self._calls.items()) if calls]
        connection.executemany(_UPSERT_HOUR, hours)
        connection.executemany(_UPSERT_DAY, days)
        connection.executemany("UPDATE usage_keys SET calls = calls + ? WHERE key = ?", totals)
        if self._takes:
            connection.executemany(
                "DELETE FROM rollup_hour WHERE project = ? AND hour = ? AND usage_key = ? AND calls = 0",
                sorted(self._hours),
            )
            connection.executemany(
                "DELETE FROM latency_day"
                " WHERE project = ? AND day = ? AND usage_key = ? AND bucket = ? AND calls = 0",
                sorted(self._days),
            )


def _find_or_add(connection: Connection, facts: Facts) -> int:
    found = connection.execute(
        "SELECT key FROM usage_keys WHERE project = ? AND provider IS ? AND model_requested IS ?"
        " AND model_used IS ? AND operation IS ? AND status = ?",
        facts,
    ).fetchone()
    if found is None:
        found = connection.execute(
            "INSERT INTO usage_keys (project, provider, model_requested, model_used, operation, status)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING key",
            facts,
        ).fetchone()
    assert found is not None
    return cast("int", found[0])
