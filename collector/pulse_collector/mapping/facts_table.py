"""Fills the facts of a span from its attributes by its dialect's table."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.dialect import Table
from pulse_collector.mapping.attributes import MAX_TOKENS, AttributeValue, as_count, as_number, as_text
from pulse_collector.mapping.finish_reasons import finish_reasons
from pulse_collector.mapping.json_text import parse_json, to_json
from pulse_collector.mapping.span_facts import MAX_TEXT_CHARS, SpanFacts, clean_text

#: Thirty days: no call takes longer.
_MAX_MS = 30 * 86_400_000


def fill_from_table(facts: SpanFacts, table: Table) -> None:
    """Set each column from the best attribute that has it; what no column takes goes to `rest`."""
    attributes = facts.attributes
    get = attributes.get
    texts, counts, known = facts.texts, facts.counts, table.known
    facts.rest = {key: value for key, value in attributes.items() if key not in known}
    for column, keys in table.texts:
        for key in keys:
            value = get(key)
            if value is None:
                continue
            text = _column_text(value)
            if text and (column != "session_id" or is_session(text)):
                texts[column] = text
                break
            facts.rest[key] = value
    for column, keys in table.counts:
        for key in keys:
            value = get(key)
            if value is None:
                continue
            count = value if type(value) is int and 0 <= value <= MAX_TOKENS else as_count(value)
            if count is not None:
                counts[column] = count
                break
            facts.rest[key] = value
    _fill_numbers(facts, table)
    for key in table.finish_reasons:
        if key in attributes:
            facts.finish_reasons = finish_reasons(get(key))
            if facts.finish_reasons:
                break
    for key in table.tags:
        if key in attributes:
            facts.tags += _tags(get(key))
    flattened = [key for key in facts.rest if key.startswith(table.prefixes)]
    if flattened:
        _sort_out(facts, flattened, table)


def _fill_numbers(facts: SpanFacts, table: Table) -> None:
    seconds = _first_number(facts, table.first_token_seconds)
    ms = seconds * 1000 if seconds is not None else _first_number(facts, table.first_token_ms)
    if ms is not None and ms <= _MAX_MS:
        facts.numbers["time_to_first_token_ms"] = ms
    cost_usd = _first_number(facts, table.cost_usd)
    if cost_usd is not None:
        facts.numbers["cost_usd"] = cost_usd


def _first_number(facts: SpanFacts, keys: tuple[str, ...]) -> float | None:
    get = facts.attributes.get
    for key in keys:
        value = get(key)
        if value is not None and (number := as_number(value)) is not None:
            return number
    return None


def _column_text(value: AttributeValue) -> str | None:
    if type(value) is str and len(value) <= MAX_TEXT_CHARS:
        return value.strip()
    text = as_text(value)
    return None if text is None else clean_text(text)


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


def _sort_out(facts: SpanFacts, keys: list[str], table: Table) -> None:
    """Move from `rest` what the application said in its own words, and what is flattened content."""
    rest, content, custom = facts.rest, table.content_prefixes, table.custom_prefixes
    for key in keys:
        for prefix in custom:
            if key.startswith(prefix) and len(key) > len(prefix):
                facts.custom.setdefault(key[len(prefix) :], to_json(rest.pop(key)))
                break
        else:
            # An index follows the prefix, unlike in `gen_ai.prompt.name`.
            start = next((len(prefix) for prefix in content if key.startswith(prefix)), 0)
            if start and key[start : start + 1].isdecimal():
                facts.flattened[key] = rest.pop(key)
