"""The demo's tables: what was recorded, for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from pulse_server.demo.readback import Recorded

_PREVIEW_CHARS = 40


def show(console: Console, recorded: Recorded) -> None:
    """Print calls, sessions and analytics by model."""
    console.print(_calls(recorded))
    console.print(_sessions(recorded))
    console.print(_models(recorded))


def _calls(recorded: Recorded) -> Table:
    table = Table("session", "provider", "model", "operation", title="Calls", title_justify="left")
    for heading in ("in", "cached", "out", "cents", "ms"):
        table.add_column(heading, justify="right")
    table.add_column("answer", no_wrap=True, max_width=_PREVIEW_CHARS, overflow="ellipsis")
    for trace in recorded.traces:
        error = trace["error"]
        table.add_row(
            trace["session_id"],
            trace["provider"],
            trace["model_used"] or trace["model_requested"],
            trace["operation"],
            _count(trace["input_tokens"]),
            _count(trace["cache_read_tokens"]),
            _count(trace["output_tokens"]),
            _cents(trace["cost_cents"]),
            f"{trace['latency_ms']:.0f}",
            trace["output_preview"] or (f"{error['type']}: {error['message']}" if error else ""),
            style="red" if trace["status"] == "error" else None,
        )
    return table


def _sessions(recorded: Recorded) -> Table:
    table = Table("session", "user", title="Sessions", title_justify="left")
    for heading in ("calls", "tokens", "cents"):
        table.add_column(heading, justify="right")
    for row in recorded.sessions:
        table.add_row(row.session_id, row.user_id, str(row.calls), _count(row.tokens), _cents(row.cost_cents))
    return table


def _models(recorded: Recorded) -> Table:
    table = Table("model", title="Analytics by model", title_justify="left", show_footer=True)
    analytics = recorded.analytics
    groups: list[dict[str, Any]] = analytics["costOverTime"]
    footers = (
        sum(group["calls"] for group in groups),
        sum(group["errors"] for group in groups),
        _count(analytics["totalTokens"]),
        _cents(analytics["totalCost"]),
        f"{analytics['avgLatency']:.0f}",
        "",
    )
    table.columns[0].footer = "total"
    headings = ("calls", "errors", "tokens", "cents", "ms", "p95 ms")
    for heading, footer in zip(headings, footers, strict=True):
        table.add_column(heading, justify="right", footer=str(footer))
    for group in groups:
        table.add_row(
            group["bucket"],
            str(group["calls"]),
            str(group["errors"]),
            _count(group["tokens"]),
            _cents(group["cost"]),
            f"{group['avgLatency']:.0f}",
            f"{group['p95Latency']:.0f}",
        )
    return table


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _cents(cents: float | None) -> str:
    return "–" if cents is None else f"{cents:.4f}"
