"""The rows of a store, read with SQL, and what the API must answer: sums over the rows in plain Python.

An expected answer has the names and steps of the API's answer, and every number from the rows.
"""

from __future__ import annotations

import base64
import bisect
import json
import math
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg.rows import dict_row

from pulse_storage.queries.error_groups import message_without_values

Row: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]

_TOKENS = ("input_tokens", "cache_read_tokens", "output_tokens")
_NAMED = (
    *("provider", "status", "operation", "service", "environment", "release", "user_id", "session_id"),
    *("finish_reason", "error_type"),
)
_PERCENTILE_ERROR = 0.045
_GROUP = ("error_type", "provider", "model", "message")
#: The number of newest traces that the check of traces reads.
_CHECKED_TRACES = 200
#: Filters that name the column of a dimension.
_DIMENSIONS = {"user": "user_id", "session": "session_id"}


class Ledger:
    """The rows of one project, and what the API must return of them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.by_id = {str(uuid.UUID(bytes=bytes(row["id"]))): row for row in rows}
        self._routes: dict[str, Callable[[Mapping[str, str], Answer], Answer]] = {
            "/v1/timeseries": self._timeseries,
            "/v1/facets": self._facets,
            "/v1/traces": self._list,
            "/v1/errors": self._errors,
            "/v1/trust": self._trust,
            "/v1/trees": self._trees,
        }

    @classmethod
    def of_sqlite(cls, path: Path) -> Ledger:
        """Read all rows of a SQLite file."""
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM spans")]
        connection.close()
        return cls(rows)

    @classmethod
    def of_postgres(cls, url: str) -> Ledger:
        """Read all rows of a PostgreSQL database."""
        with psycopg.connect(url) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cls(cursor.execute("SELECT * FROM spans").fetchall())

    def texts(self) -> list[str]:
        """Return the texts of all rows and of the error messages, the longest first."""
        found = {value for row in self.rows for value in row.values() if isinstance(value, str)}
        tags = {tag for row in self.rows for tag in _tags(row)}
        messages = [row["error_message"] for row in self.rows if row["error_message"] is not None]
        found |= {text for message in messages if (text := message_without_values(message)) is not None}
        ids = {bytes(row["otel_trace_id"]).hex() for row in self.rows}
        ids |= {bytes(row["otel_span_id"]).hex() for row in self.rows} | set(self.by_id)
        return sorted(found | tags | ids, key=len, reverse=True)

    def expected(self, request: str, answer: Answer) -> Answer:
        """Return what the answer to a request must be: the names of the given answer, numbers of the rows."""
        url = urlsplit(request)
        query = dict(parse_qsl(url.query))
        if (route := self._routes.get(url.path)) is not None:
            return route(query, answer)
        parts = url.path.split("/")
        if parts[:3] == ["", "v1", "traces"]:
            row = self.by_id[parts[3]]
            return _row(row) if len(parts) == 4 else _cost(row, answer)
        if parts[:3] == ["", "v1", "trees"]:
            return self._columns(parts[3], answer)
        raise NotImplementedError(url.path)

    def calls(self, query: Mapping[str, str]) -> list[Row]:
        """Return the counted model calls that the filters of a query select."""
        return [row for row in self.rows if row["usage_key"] is not None and _matches(row, query)]

    def _timeseries(self, query: Mapping[str, str], shape: Answer) -> Answer:
        calls = self.calls(query)
        by = query.get("by", "model")
        starts = [_nanoseconds(start) for start in shape["starts"]]
        listed = {each["key"] for each in shape["series"]}
        answer: Answer = {"total": _totals(calls)}
        answer["series"] = [
            {"key": key, **_series([row for row in calls if key in _keys(row, by)], starts)}
            for key in (each["key"] for each in shape["series"])
        ]
        rest = [row for row in calls if not listed & set(_keys(row, by))]
        answer["other"] = _series(rest, starts) if rest else None
        if query.get("compare") == "previous":
            first, end = _nanoseconds(query["date_from"]), _nanoseconds(query["date_to"])
            kept = {name: value for name, value in query.items() if name not in ("date_from", "date_to")}
            before = [row for row in self.calls(kept) if 2 * first - end <= row["start_ns"] < first]
            answer["previous"] = _totals(before)
        return answer

    def _facets(self, query: Mapping[str, str], shape: Answer) -> Answer:
        answer: Answer = {}
        for field, facet in shape.items():
            others = {name: value for name, value in query.items() if name not in (field, "fields")}
            if field == "operation" and "operation" in query:
                others["operation"] = "all"
            rows = self._listed(others)
            rows = sorted(rows, key=lambda row: -row["start_ns"])
            if facet["of"] != "all":
                rows = rows[: int(facet["of"].removeprefix("newest "))]
            counts = [
                [value, sum(value in _facet_values(row, field) for row in rows)]
                for value, _ in facet["values"]
            ]
            answer[field] = {"values": counts, "of": facet["of"]}
        return answer

    def _list(self, query: Mapping[str, str], shape: Answer) -> Answer:
        del shape
        return {"total": len(self._listed(query))}

    def _errors(self, query: Mapping[str, str], shape: Answer) -> Answer:
        failed = [row for row in self.calls(query) if row["status"] == "error"]
        starts = [_nanoseconds(start) for start in shape["starts"]]
        groups: defaultdict[tuple[str | None, ...], list[Row]] = defaultdict(list)
        for row in failed:
            groups[_error_group(row)].append(row)
        answer: list[Answer] = []
        for group in shape["groups"]:
            rows = groups[tuple(group[name] for name in _GROUP)]
            users = {row["user_id"] for row in rows if row["user_id"] is not None}
            counts = _series(rows, starts)["calls"]
            answer.append({"calls": len(rows), "users": len(users), "counts": counts})
        if "limit" not in query or len(answer) < int(query["limit"]):
            assert len(answer) == len(groups), "a group of failed calls is missing"
        return {"groups": answer}

    def _trust(self, query: Mapping[str, str], shape: Answer) -> Answer:
        calls = self.calls(query)
        traces: defaultdict[bytes, list[Row]] = defaultdict(list)
        for row in self.rows:
            traces[bytes(row["otel_trace_id"])].append(row)
        newest: dict[bytes, int] = {}
        for row in calls:
            trace = bytes(row["otel_trace_id"])
            newest[trace] = max(newest.get(trace, 0), row["start_ns"])
        checked = sorted(newest, key=lambda trace: -newest[trace])[:_CHECKED_TRACES]
        sums = _sums(calls)
        last_ns = max(row["start_ns"] for row in self.rows)
        last = datetime.fromtimestamp(last_ns // 10**9, UTC).replace(microsecond=last_ns % 10**9 // 1000)
        return {
            **{name: sums[name] for name in ("calls", "unpriced", "unknown_usage")},
            "priced": sum(row["cost_nano_usd"] is not None for row in calls),
            "usage_known": sum(
                row["input_tokens"] is not None or row["output_tokens"] is not None for row in calls
            ),
            "traces": len(checked),
            "incomplete_traces": sum(is_incomplete(traces[trace]) for trace in checked),
            "newest_span_at": last.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            # No row has it: the count is of this process.
            "rejected": shape["rejected"],
        }

    def _trees(self, query: Mapping[str, str], shape: Answer) -> Answer:
        every = {"operation": "all", "counted": "all", **query}
        traces: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            traces[bytes(row["otel_trace_id"]).hex()].append(row)
        matching = {bytes(row["otel_trace_id"]).hex() for row in self._listed(every)}
        listed = [tree["otel_trace_id"] for tree in shape["trees"]]
        assert set(listed) <= matching
        assert shape["next_cursor"] is not None or len(listed) == len(matching)
        return {"trees": [_tree(traces[trace]) for trace in listed]}

    def _columns(self, trace: str, shape: Answer) -> Answer:
        """Return the columns of a trace, in the answer's order of spans."""
        rows = {
            bytes(row["otel_span_id"]): row for row in self.rows if bytes(row["otel_trace_id"]).hex() == trace
        }
        ids = base64.b64decode(shape["ids"])
        spans = [rows.pop(ids[at : at + 8]) for at in range(0, len(ids), 8)]
        assert rows == {}, "spans of the trace are missing"
        index = {bytes(span["otel_span_id"]): at for at, span in enumerate(spans)}
        starts = [span["start_ns"] // 1000 for span in spans]
        parents = [span["parent_span_id"] for span in spans]

        def of_calls(name: str) -> list[int | None]:
            return [span[name] if span["usage_key"] is not None else None for span in spans]

        def microseconds(name: str) -> list[int | None]:
            return [None if span[name] is None else round(span[name] * 1000) for span in spans]

        return {
            "spans": len(spans),
            "parent": [-1 if parent is None else index.get(bytes(parent), -1) for parent in parents],
            "start_us": [0, *(after - before for before, after in pairwise(starts))],
            "duration_us": microseconds("latency_ms"),
            "first_token_us": microseconds("time_to_first_token_ms"),
            "status": {"values": ["success", "error"], "at": [int(s["status"] == "error") for s in spans]},
            "counted": "".join("0" if span["usage_key"] is None else "1" for span in spans),
            **{name: of_calls(name) for name in (*_TOKENS, "cost_nano_usd")},
        }

    def _listed(self, query: Mapping[str, str]) -> list[Row]:
        """Return the rows that a list selects: counted model calls, or those of an operation."""
        operation, counted = query.get("operation", "model"), query.get("counted")
        rows = [row for row in self.rows if _matches(row, query)]
        if operation == "model":
            rows = [row for row in rows if row["model_call"]]
        wanted = counted or ("true" if operation == "model" else "all")
        if wanted == "all":
            return rows
        return [row for row in rows if (row["usage_key"] is not None) == (wanted == "true")]


def cents(nano_usd: int | None) -> Decimal | None:
    """Return an amount in cents."""
    return None if nano_usd is None else Decimal(nano_usd) / 10**7


def known_sum(values: Iterable[int | None]) -> int | None:
    """Return the sum of the known values; None if none is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the percentile by nearest rank, as the middle of its bucket: eight buckets are an octave."""
    if not values:
        return None
    value = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    middle = 2 ** ((math.floor(math.log2(value) * 8) + 0.5) / 8)
    assert abs(middle / value - 1) < _PERCENTILE_ERROR
    return round(middle, 6)


def is_incomplete(spans: Sequence[Row]) -> bool:
    """Return whether a trace has a span whose parent is not stored."""
    ids = {bytes(span["otel_span_id"]) for span in spans}
    parents = [span["parent_span_id"] for span in spans]
    return any(parent is not None and bytes(parent) not in ids for parent in parents)


def _tree(spans: Sequence[Row]) -> Answer:
    calls = [span for span in spans if span["usage_key"] is not None]
    ends = [
        span["start_ns"] + round(span["latency_ms"] * 10**6)
        for span in spans
        if span["latency_ms"] is not None
    ]
    first = min(span["start_ns"] for span in spans)
    return {
        **{name: value for name, value in _sums(calls).items() if name not in ("errors", "calls")},
        "spans": len(spans),
        "calls": len(calls),
        "errors": sum(span["status"] == "error" for span in spans),
        "duration_ms": round((max(ends) - first) / 10**6, 6) if ends else None,
    }


def _error_group(row: Row) -> tuple[str | None, ...]:
    message = row["error_message"]
    return (
        row["error_type"],
        row["provider"],
        row["model_used"] or row["model_requested"],
        None if message is None else message_without_values(message),
    )


def _totals(calls: Sequence[Row]) -> Answer:
    latencies = [row["latency_ms"] for row in calls if row["latency_ms"] is not None]
    known = any(row["cost_nano_usd"] is not None for row in calls)
    stated = {
        source: cents(sum(row["cost_nano_usd"] or 0 for row in calls if row["cost_source"] == source))
        for source in ("reported", "computed")
    }
    return {
        **_sums(calls),
        **{f"{source}_cents": value if known else None for source, value in stated.items()},
        **{f"p{number}_ms": percentile(latencies, number / 100) for number in (50, 95, 99)},
    }


def _sums(calls: Sequence[Row]) -> Answer:
    return {
        "calls": len(calls),
        "errors": sum(row["status"] == "error" for row in calls),
        **{name: known_sum(row[name] for row in calls) for name in _TOKENS},
        "cost_cents": cents(known_sum(row["cost_nano_usd"] for row in calls)),
        "unpriced": sum(map(is_unpriced, calls)),
        "unknown_usage": sum(map(has_unknown_usage, calls)),
    }


def _series(calls: Sequence[Row], starts: Sequence[int]) -> Answer:
    steps: list[list[Row]] = [[] for _ in starts]
    for row in calls:
        steps[bisect.bisect_right(starts, row["start_ns"]) - 1].append(row)
    sums = [_sums(step) for step in steps]
    return {name: [each[name] for each in sums] for name in _sums([])} | {"total": _sums(calls)}


def is_unpriced(row: Row) -> bool:
    """Return whether a call used tokens and has no cost."""
    return row["cost_nano_usd"] is None and (row["input_tokens"] or 0) + (row["output_tokens"] or 0) > 0


def has_unknown_usage(row: Row) -> bool:
    """Return whether a call succeeded without known tokens."""
    return row["input_tokens"] is None and row["output_tokens"] is None and row["status"] == "success"


def _row(row: Row) -> Answer:
    """Return the numbers of a row as the API names them; milliseconds are exact to the nanosecond."""
    numbers = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in row.items()
        if name.endswith(("_tokens", "_ms")) or value is None
    }
    return {**numbers, "cost_cents": cents(row["cost_nano_usd"])}


def _cost(row: Row, answer: Answer) -> Answer:
    """Return the cost of a row, after checking that its buckets add up to its tokens and its cost."""
    stored = row["cost_nano_usd"]
    buckets = answer["buckets"]
    if answer["adds_up"] and buckets:
        amounts = [each["tokens"] * Decimal(str(each["usd_per_million"])) / 10**4 for each in buckets]
        for bucket, amount in zip(buckets, amounts, strict=True):
            assert abs(Decimal(str(bucket["cost_cents"])) - amount) < Decimal("1e-7"), bucket
        assert abs(sum(amounts) - (cents(stored) or 0)) < Decimal("1e-7") * len(buckets)
        tokens = (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
        assert sum(each["tokens"] for each in buckets) == tokens
    return {"cost_cents": cents(stored), "buckets": buckets}


def _keys(row: Row, by: str) -> list[str | None]:
    if by == "model":
        return [row["model_used"] or row["model_requested"]]
    if by == "tag":
        return [*_tags(row)] or [None]
    return [row[_DIMENSIONS.get(by, by)]]


def _facet_values(row: Row, field: str) -> list[str | None]:
    if field != "cost":
        return _keys(row, field)
    counted = row["usage_key"] is not None
    found: list[str | None] = [row["cost_source"]] if row["cost_nano_usd"] is not None else []
    if counted and is_unpriced(row):
        found.append("unpriced")
    if counted and has_unknown_usage(row):
        found.append("no_usage")
    return found or [None]


def _tags(row: Row) -> list[str]:
    tags = row["tags"]
    return sorted(set(json.loads(tags) if isinstance(tags, str) else tags or []))


def _matches(row: Row, query: Mapping[str, str]) -> bool:
    first, end = query.get("date_from"), query.get("date_to")
    if first is not None and row["start_ns"] < _nanoseconds(first):
        return False
    if end is not None and row["start_ns"] >= _nanoseconds(end):
        return False
    for name, value in query.items():
        if name == "operation" and value in ("model", "all"):
            continue
        if name == "otel_trace_id" and bytes(row[name]).hex() != value:
            return False
        if name in _NAMED and row[name] != value:
            return False
        if name == "model" and value not in (row["model_requested"], row["model_used"]):
            return False
        if name == "tag" and value not in _tags(row):
            return False
        if name == "cost" and value not in _facet_values(row, "cost"):
            return False
    return True


def _nanoseconds(text: str) -> int:
    """Return the Unix nanoseconds of an RFC 3339 text, exactly."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return (int(at.timestamp()) * 10**6 + at.microsecond) * 1000
