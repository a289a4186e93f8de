"""The sums of a group of calls: their SQL expressions, and their accumulation in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pulse_storage.latency import percentiles
from pulse_storage.queries.filters import UsageSummary
from pulse_storage.sql.connection import SqlDialect

#: Whether a call used tokens and has no cost.
UNPRICED = "cost_nano_usd IS NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0"
#: Whether a call succeeded and neither its input nor its output tokens are known.
UNKNOWN_USAGE = "input_tokens IS NULL AND output_tokens IS NULL AND status <> 'error'"
_SHARES = (0.50, 0.95, 0.99)
FAILED_KEYS = "SELECT key FROM usage_keys WHERE project = ? AND status = 'error'"


@dataclass(slots=True)
class Sums:
    """Accumulates the sums of one group."""

    #: In the order of the fields of `UsageSummary`.
    sums: list[int] = field(default_factory=lambda: [0] * 9)
    #: Calls by latency bucket.
    latencies: Counter[int] = field(default_factory=Counter[int])

    @property
    def calls(self) -> int:
        """The number of calls."""
        return self.sums[0]

    @property
    def cost_nano_usd(self) -> int:
        """The sum of known costs."""
        return self.sums[2]

    def add(self, sums: Sequence[Any], bucket: int | None = None) -> None:
        """Add the sums of some calls. If a latency bucket is given, all of them are in it."""
        self.sums = [have + int(more) for have, more in zip(self.sums, sums, strict=True)]
        if bucket is not None:
            self.latencies[bucket] += int(sums[0])

    def merge(self, other: Sums) -> None:
        """Add the sums of another group."""
        self.add(other.sums)
        self.latencies.update(other.latencies)

    def summary(self) -> UsageSummary:
        calls, errors, cost, input_tokens, output_tokens, unpriced, unknown, latency_calls, latency_us = (
            self.sums
        )
        p50, p95, p99 = percentiles(self.latencies, _SHARES)
        return UsageSummary(
            calls=calls,
            errors=errors,
            cost_nano_usd=cost,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            unpriced=unpriced,
            unknown_usage=unknown,
            latency_calls=latency_calls,
            latency_sum_ms=latency_us / 1000,
            p50_latency_ms=p50,
            p95_latency_ms=p95,
            p99_latency_ms=p99,
        )


def row_sums(dialect: SqlDialect) -> str:
    """Return SQL expressions of sums over `spans`, in the order of `Sums.sums`."""
    numbers = [dialect.total(column) for column in ("cost_nano_usd", "input_tokens", "output_tokens")]
    return ", ".join(
        (
            "count(*), count(*) FILTER (WHERE status = 'error')",
            *numbers,
            f"count(*) FILTER (WHERE {UNPRICED}), count(*) FILTER (WHERE {UNKNOWN_USAGE}), count(latency_ms)",
            dialect.total("floor(latency_ms * 1000 + 0.5)"),
        )
    )


def rollup_sums(dialect: SqlDialect) -> str:
    """Return SQL expressions of the same sums over `rollup_hour`. They have one binding, the project."""
    return ", ".join(
        dialect.sum_as_text(dialect.total(number))
        for number in (
            "calls",
            f"CASE WHEN usage_key IN ({FAILED_KEYS}) THEN calls ELSE 0 END",
            "cost_nano_usd",
            "input_tokens",
            "output_tokens",
            "unpriced",
            "unknown_usage",
            "latency_calls",
            "latency_sum_us",
        )
    )
