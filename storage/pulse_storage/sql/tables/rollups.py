"""Sums of counted rows, by hour and by day and latency, and the calls of usage keys."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice

from pulse_storage.sql.connection import Connection, SqlValue

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_MAX_CACHED_KEYS = 20_000

HOUR_SUMS = (
    "calls", "latency_calls", "latency_sum_us", "input_tokens", "output_tokens", "cost_nano_usd", "unpriced",
    "unknown_usage",
)  # fmt: skip
#: The dialect replaces `{rows}`.
_UPSERT_HOUR = (
    "INSERT INTO rollup_hour {rows} ON CONFLICT (project, hour, usage_key) DO UPDATE SET "
    + ", ".join(f"{column} = rollup_hour.{column} + excluded.{column}" for column in HOUR_SUMS)
)
_UPSERT_DAY = (
    "INSERT INTO latency_day {rows} ON CONFLICT (project, day, bucket, usage_key)"
    " DO UPDATE SET calls = latency_day.calls + excluded.calls"
)
_FACTS = ("project", "provider", "model_requested", "model_used", "operation", "status")
#: Usage keys per statement.
_KEYS_A_STATEMENT = 100
#: `{wanted}` is a table of numbered facts: a stored fact may differ from its binding.
#: `{hashes}` are terms of the dialect that let the engine use an index.
_FIND_KEYS = (
    "{wanted} SELECT number, key FROM wanted CROSS JOIN usage_keys AS k WHERE {hashes}"
    "k.project = wanted.project AND "
    + " AND ".join(f"k.{fact} IS NOT DISTINCT FROM wanted.{fact}" for fact in _FACTS[1:])
)
_COLUMNS = ", ".join(_FACTS)
_ADD_KEYS = f"{{wanted}} INSERT INTO usage_keys ({_COLUMNS}) SELECT DISTINCT {_COLUMNS} FROM wanted"

#: The facts of a usage key: project, provider, model requested, model used, operation, status.
Facts = tuple[int, str | None, str | None, str | None, str | None, str]


class UsageKeys:
    """A bounded cache of usage keys by their facts. A key is added on first use and never changes.

    It must be cleared after a rollback (`forget`), and after any process has deleted usage keys of the
    project (`see_epoch`).
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys: dict[Facts, int] = {}
        self._epochs: dict[int, int] = {}

    def see_epoch(self, project: int, epoch: int) -> None:
        """Forget the keys if combinations of the project were deleted since the last call for it.

        `epoch` is `Watermarks.usage_epoch` as read in the current transaction. Call it before `keys`.
        """
        if self._epochs.get(project, 0) != epoch:
            self._epochs[project] = epoch
            self._keys.clear()

    def key(self, facts: Facts) -> int:
        """Return the usage key of these facts; add it if necessary. Call it in a transaction that writes."""
        key = self._keys.get(facts)
        return self.keys((facts,))[facts] if key is None else key

    def keys(self, wanted: Iterable[Facts]) -> dict[Facts, int]:
        """Return the usage keys of all these facts; look up and add those that are not cached together."""
        known: dict[Facts, int] = {}
        unknown: list[Facts] = []
        for facts in dict.fromkeys(wanted):
            key = self._keys.get(facts)
            if key is None:
                unknown.append(facts)
            else:
                known[facts] = key
        if unknown:
            found = _find_or_add(self._connection, unknown)
            if len(self._keys) + len(found) > _MAX_CACHED_KEYS:
                self._keys.clear()
            self._keys.update(islice(found.items(), _MAX_CACHED_KEYS))
            known |= found
        return known

    def forget(self) -> None:
        """Clear the cache, which may have keys that were rolled back."""
        self._keys.clear()


class RollupDelta:
    """Accumulates the changes of the sums in one transaction."""

    def __init__(self) -> None:
        #: By project, hour, usage key: calls and the sums, in the order of the columns.
        self._hours: dict[tuple[int, int, int], list[int]] = {}
        self._days: defaultdict[tuple[int, int, int, int], int] = defaultdict(int)
        self._calls: defaultdict[int, int] = defaultdict(int)
        self._takes = False

    def move(
        self,
        sign: int,
        key: tuple[int, int],
        start_ns: int,
        latency: tuple[float | None, int | None],
        usage: tuple[int | None, int | None, int | None],
        *,
        failed: bool,
    ) -> None:
        """Add a counted row of this project and usage key (sign 1), or remove one (sign -1).

        `latency` is in ms and as a bucket; `usage` are input tokens, output tokens and nano-dollars.
        """
        project, usage_key = key
        self._takes = self._takes or sign < 0
        self._calls[usage_key] += sign
        hour = project, start_ns // HOUR_NS, usage_key
        sums = self._hours.get(hour)
        if sums is None:
            sums = self._hours[hour] = [0] * len(HOUR_SUMS)
        sums[0] += sign
        latency_ms, bucket = latency
        if latency_ms is not None and bucket is not None:
            sums[1] += sign
            sums[2] += sign * math.floor(latency_ms * 1000 + 0.5)
            self._days[project, start_ns // DAY_NS, bucket, usage_key] += sign
        input_tokens, output_tokens, cost_nano_usd = usage
        tokens = 0
        if input_tokens:
            sums[3] += sign * input_tokens
            tokens = input_tokens
        if output_tokens:
            sums[4] += sign * output_tokens
            tokens += output_tokens
        if cost_nano_usd is not None:
            sums[5] += sign * cost_nano_usd
        elif tokens > 0:
            sums[6] += sign
        if input_tokens is None and output_tokens is None and not failed:
            sums[7] += sign

    def write(self, connection: Connection) -> None:
        """Change the stored sums, in the order of their keys, so that each page is read once."""
        dialect = connection.dialect
        hours = [(*key, *sums) for key, sums in sorted(self._hours.items()) if any(sums)]
        dialect.upsert(connection, _UPSERT_HOUR, hours)
        days = [(*key, calls) for key, calls in sorted(self._days.items()) if calls]
        dialect.upsert(connection, _UPSERT_DAY, days)
        totals = [(key, calls) for key, calls in sorted(self._calls.items()) if calls]
        dialect.add_calls(connection, totals)
        if self._takes:
            connection.executemany(
                "DELETE FROM rollup_hour WHERE project = ? AND hour = ? AND usage_key = ? AND calls = 0",
                sorted(self._hours),
            )
            connection.executemany(
                "DELETE FROM latency_day"
                " WHERE project = ? AND day = ? AND bucket = ? AND usage_key = ? AND calls = 0",
                sorted(self._days),
            )


def _find_or_add(connection: Connection, wanted: Sequence[Facts]) -> dict[Facts, int]:
    found = _find(connection, wanted)
    if missing := [facts for facts in wanted if facts not in found]:
        connection.lock_usage_keys()
        # Another process may have added them before this one got the lock.
        found |= _find(connection, missing)
    if missing := [facts for facts in missing if facts not in found]:
        for some in _some_at_a_time(missing):
            connection.execute(_ADD_KEYS.format(wanted=_table(some)), _bindings(some))
        found |= _find(connection, missing)
    return found


def _find(connection: Connection, wanted: Sequence[Facts]) -> dict[Facts, int]:
    found: dict[Facts, int] = {}
    for some in _some_at_a_time(wanted):
        sql = _FIND_KEYS.format(wanted=_table(some), hashes=connection.dialect.usage_key_terms("k", "wanted"))
        for number, key in connection.execute(sql, _bindings(some)):
            found[some[number]] = key
    return found


def _some_at_a_time(wanted: Sequence[Facts]) -> list[Sequence[Facts]]:
    return [wanted[at : at + _KEYS_A_STATEMENT] for at in range(0, len(wanted), _KEYS_A_STATEMENT)]


def _table(wanted: Sequence[Facts]) -> str:
    """Return the SQL table `wanted`. The casts in its first row give the types of all rows."""
    first = "(0, CAST(? AS bigint)" + ", CAST(? AS text)" * (len(_FACTS) - 1) + ")"
    places = ", ".join("?" * len(_FACTS))
    rows = ", ".join([first, *(f"({number}, {places})" for number in range(1, len(wanted)))])
    return f"WITH wanted (number, {_COLUMNS}) AS (VALUES {rows})"


def _bindings(wanted: Sequence[Facts]) -> list[SqlValue]:
    return [value for facts in wanted for value in facts]
