"""Fills the facts of a span from its attributes by its dialect's table, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pulse_collector.attributes import AttributeValue, as_count, as_number, as_text
from pulse_collector.dialects import Spoken
from pulse_collector.dialects.dialect import Kind
from pulse_collector.finish_reasons import finish_reasons
from pulse_collector.json_text import parse_json, to_json
from pulse_collector.span_facts import NumberColumn, SpanFacts, TextColumn, clean_text
from pulse_collector.usage import CountColumn


def fill_from_table(facts: SpanFacts, spoken: Spoken) -> None:
    """Put each attribute into its column, the best source of several; what has no column goes to `rest`."""
    ranks: dict[str, int] = {}
    lookup, rest = spoken.table.get, facts.rest
    texts, counts, numbers = facts.texts, facts.counts, facts.numbers
    for key, value in facts.attributes.items():
        slot = lookup(key)
        if slot is None:
            rest[key] = value
            continue
        kind, column, rank = slot
        if kind is Kind.TEXT:
            column = cast(TextColumn, column)
            if column in texts and ranks[column] <= rank:
                continue
            text = _column_text(column, value)
            if text is None:
                continue
            texts[column] = text
        elif kind is Kind.COUNT:
            column = cast(CountColumn, column)
            if column in counts and ranks[column] <= rank:
                continue
            count = as_count(value)
            if count is None:
                rest[key] = value
                continue
            counts[column] = count
        elif kind is Kind.CONTENT or kind is Kind.NOISE:
            continue
        elif kind is Kind.REASONS:
            if facts.finish_reasons and ranks["finish_reasons"] <= rank:
                continue
            facts.finish_reasons = finish_reasons(value)
            column = "finish_reasons"
        elif kind is Kind.TAGS:
            facts.tags += _tags(value)
            continue
        else:
            column = cast(NumberColumn, column)
            number = as_number(value)
            if number is None or (column in numbers and ranks[column] <= rank):
                continue
            numbers[column] = number * 1000 if kind is Kind.SECONDS else number
        ranks[column] = rank
    if rest and spoken.custom_prefixes:
        _take_custom(facts, spoken.custom_prefixes)
    if rest and spoken.content_prefixes:
        _drop_content(rest, spoken.content_prefixes)


def _column_text(column: TextColumn, value: AttributeValue) -> str | None:
    text = as_text(value)
    if text is None:
        return None
    if column == "session_id" and not is_session(text):
        return None
    return clean_text(text)


def is_session(text: str) -> bool:
    """Whether an id names a session: a scrubbed one and the id of a previous response do not."""
    return not text.startswith(("resp_", "[Scrubbed"))


def _tags(value: AttributeValue) -> list[str]:
    if isinstance(value, str):
        parsed = parse_json(value) if value.startswith("[") else None
        items = parsed if isinstance(parsed, list) else value.split(",")
        return [text for item in items if isinstance(item, str) and (text := item.strip())]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for item in value if (text := as_text(item)) is not None]
    return []


def _take_custom(facts: SpanFacts, prefixes: tuple[str, ...]) -> None:
    """Move what the application said in its own words from `rest` to `custom`."""
    for key in [key for key in facts.rest if key.startswith(prefixes)]:
        prefix = next(prefix for prefix in prefixes if key.startswith(prefix))
        name = key[len(prefix) :]
        if name:
            facts.custom.setdefault(name, to_json(facts.rest.pop(key)))


def _drop_content(rest: dict[str, AttributeValue], prefixes: tuple[str, ...]) -> None:
    """Leave out flattened messages: an index follows their prefix, unlike in `gen_ai.prompt.name`."""
    for key in [key for key in rest if key.startswith(prefixes)]:
        prefix = next(prefix for prefix in prefixes if key.startswith(prefix))
        if key[len(prefix) : len(prefix) + 1].isdecimal():
            del rest[key]
