"""Formats an explanation as text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

import orjson

from pulse_collector.explain.counting import Counting
from pulse_collector.explain.explanation import Column, ExplainedSpan, Explanation, Part

_WIDTH = 110
_NAME_CHARS = 24
_VALUE_CHARS = 60
#: Columns that follow from tokens and cost, which have their own lines.
_DERIVED = frozenset({"usage_source", "cost_source", "price_version"})
#: Columns whose completed value no single span has.
_COMPUTED = {"latency_ms": "the start of the request to the end of its stream"}


def explanation_text(explanation: Explanation) -> str:
    """Return the whole explanation: a paragraph for each span, then log records and notes."""
    blocks = ["\n".join(_span(span)) for span in explanation.spans]
    if explanation.logs:
        blocks.append("\n".join(_logs(explanation)))
    blocks += [f"Note: {note}." for note in explanation.notes]
    return "\n\n".join(blocks or ["The request is empty."])


def _span(span: ExplainedSpan) -> Iterator[str]:
    yield f"{span.name or '(no name)'}   trace {span.otel_trace_id}  span {span.otel_span_id}"
    if span.refused is not None:
        yield from _line("refused", span.refused)
        return
    by = f", recognised by {span.recognised_by}" if span.recognised_by else ""
    yield from _line(
        "dialect", f"{span.dialect}{by}" if span.dialect else "none: it does not describe a model call"
    )
    if span.left_out is not None:
        yield from _line("stored", f"no: {span.left_out} (PULSE_KEEP_SPANS=all keeps it)")
    if span.counting is not None:
        yield from counting_lines(span.counting)
    for name, reason in (("usage", span.usage), ("cost", span.cost)):
        if reason is not None:
            yield from _line(name, reason)
    yield "  columns"
    for name, column in span.columns.items():
        yield from _column(name, column)
    if span.metadata:
        kept = dict.fromkeys(source for sources in span.metadata.values() for source in sources)
        attributes = [source for source in kept if not source.startswith("resource ")]
        rest = ["the resource"] if len(attributes) < len(kept) else []
        yield from _line("metadata from", ", ".join(attributes + rest))
    if span.unread:
        yield from _line(
            "not read", f"{', '.join(span.unread)}: looks like usage or messages, but no dialect reads it"
        )
    if span.ignored:
        yield "  ignored"
        for part in span.ignored:
            yield from _wrapped(f"    {part.part}: {part.why}")


def counting_lines(counting: Counting) -> Iterator[str]:
    """Yield lines on whether a row counts, why, and the columns completed by other spans."""
    yield from _line("counted", f"{'yes' if counting.counted else 'no'}: {counting.why}")
    if counting.others:
        same = "the calls below" if counting.counted_by is None and not counting.counted else "same call"
        yield from _line(same, ", ".join(counting.others))
    for column, override in counting.overrides.items():
        if column in _DERIVED:
            continue
        source = override.source or _COMPUTED.get(column, "the value common to all spans of its trace")
        value = "" if override.shown is None else f"{short(override.shown)} "
        own = "" if override.own in (None, ()) else f", instead of its own {short(override.own)}"
        yield from _line("completed", f"{column} {value}from {source}{own}")


def _column(name: str, column: Column) -> Iterator[str]:
    sources = f"  ← {', '.join(column.sources)}" if column.sources else ""
    yield from _wrapped(f"    {name:<{_NAME_CHARS}}{short(column.value)}{sources}")
    if column.overruled:
        yield from _wrapped(
            " " * (4 + _NAME_CHARS) + "else from " + ", ".join(map(_with_value, column.overruled))
        )


def _with_value(part: Part) -> str:
    return part.part if part.value is None else f"{part.part} ({short(part.value)})"


def _logs(explanation: Explanation) -> Iterator[str]:
    yield "Log records"
    for log in explanation.logs:
        use = "content of its span" if log.declined is None else f"declined: {log.declined}"
        yield from _wrapped(f"  {log.event or '(no event name)'}   span {log.otel_span_id or '-'}   {use}")


def short(value: object) -> str:
    """Return a value on one line, cut if it is long."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    text = " ".join(text.split())
    return text if len(text) <= _VALUE_CHARS else text[:_VALUE_CHARS] + "…"


def _line(name: str, text: str) -> Iterable[str]:
    return _wrapped(f"  {name:<{_NAME_CHARS + 2}}{text}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        subsequent_indent=" " * (4 + _NAME_CHARS),
        break_long_words=False,
        break_on_hyphens=False,
    )
