"""Print the recorded calls of the demo as tables."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pulse_server.demo.readback import Recorded

#: Width of the table of calls without the answers, and the minimum width left for them. Narrower terminals
#: get no answers.
_CALLS_COLUMNS = 96
_MIN_ANSWER_COLUMNS = 18
#: Maximum width of a model's name, so that the tables fit into eighty columns.
_MODEL_COLUMNS = 26

Json = dict[str, Any]


def show(console: Console, recorded: Recorded) -> None:
    """Print calls, sessions and analytics by model."""
    console.print(_calls(recorded.traces, console.width - _CALLS_COLUMNS))
    console.print(_sessions(recorded))
    console.print(_models(recorded.analytics))


def _calls(traces: list[Json], answer_columns: int) -> Table:
    wide = answer_columns >= _MIN_ANSWER_COLUMNS
    words = ("session", "provider", "model") if wide else ("session", "model")
    table = _table("Calls", words, ("in", "cached", "out", "cents", "ms"))
    if wide:
        table.add_column("answer", no_wrap=True)
    for trace in traces:
        model = (trace["model_used"] or trace["model_requested"]).rpartition("/")[2]
        cells = [
            trace["session_id"],
            *([trace["provider"]] if wide else []),
            _cut(model, _MODEL_COLUMNS),
            _count(trace["input_tokens"]),
            _count(trace["cache_read_tokens"]),
            _count(trace["output_tokens"]),
            _cents(trace["cost_cents"]),
            _ms(trace["latency_ms"]),
            *([_cut(_answer(trace), answer_columns)] if wide else []),
        ]
        table.add_row(*cells, style="red" if trace["status"] == "error" else None)
    return table


def _sessions(recorded: Recorded) -> Table:
    table = _table("Sessions", ("session", "user"), ("calls", "tokens", "cents"))
    for row in recorded.sessions:
        table.add_row(row.session_id, row.user_id, str(row.calls), _count(row.tokens), _cents(row.cost_cents))
    return table


def _models(analytics: Json) -> Table:
    groups: list[Json] = analytics["costOverTime"]
    table = _table("Analytics by model", ("model",), ("calls", "errors", "tokens", "cents", "ms", "p95 ms"))
    table.show_footer = True
    footers = (
        "total",
        str(sum(group["calls"] for group in groups)),
        str(sum(group["errors"] for group in groups)),
        _count(analytics["totalTokens"]),
        _cents(analytics["totalCost"]),
        _ms(analytics["avgLatency"]),
        "",
    )
    for column, footer in zip(table.columns, footers, strict=True):
        column.footer = footer
    for group in groups:
        table.add_row(
            _cut(group["bucket"].rpartition("/")[2], _MODEL_COLUMNS),
            str(group["calls"]),
            str(group["errors"]),
            _count(group["tokens"]),
            _cents(group["cost"]),
            _ms(group["avgLatency"]),
            _ms(group["p95Latency"]),
        )
    return table


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for heading in words:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _answer(trace: Json) -> str:
    """Return the error of a call, else the preview of its output, else its operation in parentheses."""
    if trace["error"]:
        return f"{trace['error']['type']}: {trace['error']['message']}"
    called = "tool call" if trace["finish_reason"] == "tool_calls" else trace["operation"]
    return trace["output_preview"] or f"({called})"


def _cut(text: str, columns: int) -> str:
    """Shorten a text to a width; rich would shorten the columns of numbers instead."""
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _cents(cents: float | None) -> str:
    return "–" if cents is None else f"{cents:.4f}"


def _ms(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:.0f}"
