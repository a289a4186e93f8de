"""A dialect: where one family of instrumentors puts each fact, and what is peculiar to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pulse_collector.facts.span_facts import SpanFacts, TextColumn
from pulse_collector.facts.usage_names import CountColumn


def _no_peculiarities(facts: SpanFacts) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one family of instrumentors writes each fact.

    Attribute keys are listed best first. A dialect extends another's table: its own keys come first. `read`
    is called after the table was filled in and completes the facts with whatever needs more than a table:
    content, documents inside of attributes, events.
    """

    name: str
    #: The instrumentation scopes that speak this dialect, with all that continue them after a dot or a slash.
    scopes: tuple[str, ...] = ()
    #: Beginnings of keys that only this family writes. On a span of another dialect's scope they announce
    #: that the span has this dialect's facts too.
    markers: tuple[str, ...] = ()
    #: The attribute that names the kind of a span, and its values as operations.
    kind_key: str | None = None
    #: Other names of the same attribute.
    kind_aliases: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    #: The kind is right even where `gen_ai.operation.name` says otherwise.
    kind_wins: bool = False
    texts: Mapping[TextColumn, tuple[str, ...]] = field(default_factory=dict[TextColumn, tuple[str, ...]])
    counts: Mapping[CountColumn, tuple[str, ...]] = field(default_factory=dict[CountColumn, tuple[str, ...]])
    first_token_seconds: tuple[str, ...] = ()
    first_token_ms: tuple[str, ...] = ()
    #: Hold the time of the first token: ISO 8601, or Unix time in seconds, milliseconds or nanoseconds.
    first_token_at: tuple[str, ...] = ()
    cost_usd: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    #: Beginnings of keys that are content: flattened messages.
    content_prefixes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    #: How the span ended: `read` understands it, on spans of other scopes too, whatever else they have.
    outcome: tuple[str, ...] = ()
    #: Beginnings of keys that hold the application's own metadata; what follows is its name for it.
    custom_prefixes: tuple[str, ...] = ()
    #: Providers for whom this dialect's input tokens leave out what was read from or written to the cache.
    input_excludes_cache: frozenset[str] = frozenset()
    cost_is_estimate: bool = False
    read: Callable[[SpanFacts], None] = _no_peculiarities
    extends: Dialect | None = None

    def line(self) -> list[Dialect]:
        """This dialect, the one it extends, and so on."""
        return [self, *(self.extends.line() if self.extends else ())]

    def kind_keys(self) -> tuple[str, ...]:
        """Return the attributes that name the kind of a span, best first."""
        return () if self.kind_key is None else (self.kind_key, *self.kind_aliases)


class Table(NamedTuple):
    """A dialect's tables with those of the dialects that it extends, best key first."""

    texts: tuple[tuple[TextColumn, tuple[str, ...]], ...]
    counts: tuple[tuple[CountColumn, tuple[str, ...]], ...]
    first_token_seconds: tuple[str, ...]
    first_token_ms: tuple[str, ...]
    first_token_at: tuple[str, ...]
    cost_usd: tuple[str, ...]
    tags: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    content_prefixes: tuple[str, ...]
    custom_prefixes: tuple[str, ...]
    #: What holds messages and documents: `read` understands it.
    content: frozenset[str]
    #: Every key that fills a column or is read by `read`.
    facts: frozenset[str]
    #: The same and the keys that are dropped: all others are kept in metadata.
    known: frozenset[str]


def compiled(dialect: Dialect) -> Table:
    """The dialect's table, ready to be used for many spans."""
    line = dialect.line()
    texts: dict[TextColumn, tuple[str, ...]] = {}
    counts: dict[CountColumn, tuple[str, ...]] = {}
    for ancestor in line:
        for text_column, keys in ancestor.texts.items():
            texts[text_column] = texts.get(text_column, ()) + keys
        for count_column, keys in ancestor.counts.items():
            counts[count_column] = counts.get(count_column, ()) + keys

    def keys_of(field_name: Callable[[Dialect], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for ancestor in line for key in field_name(ancestor)))

    table = Table(
        texts=tuple((column, tuple(dict.fromkeys(keys))) for column, keys in texts.items()),
        counts=tuple((column, tuple(dict.fromkeys(keys))) for column, keys in counts.items()),
        first_token_seconds=keys_of(lambda one: one.first_token_seconds),
        first_token_ms=keys_of(lambda one: one.first_token_ms),
        first_token_at=keys_of(lambda one: one.first_token_at),
        cost_usd=keys_of(lambda one: one.cost_usd),
        tags=keys_of(lambda one: one.tags),
        finish_reasons=keys_of(lambda one: one.finish_reasons),
        content_prefixes=keys_of(lambda one: one.content_prefixes),
        custom_prefixes=keys_of(lambda one: one.custom_prefixes),
        content=frozenset(keys_of(lambda one: one.content)),
        facts=frozenset(),
        known=frozenset(),
    )
    fact_keys = frozenset(
        (
            *(key for _, keys in (*texts.items(), *counts.items()) for key in keys),
            *table.first_token_seconds,
            *table.first_token_ms,
            *table.first_token_at,
            *table.cost_usd,
            *table.tags,
            *table.finish_reasons,
            *table.content,
            *keys_of(lambda one: one.outcome),
            *keys_of(lambda one: one.kind_keys()),
        )
    )
    return table._replace(facts=fact_keys, known=fact_keys.union(keys_of(lambda one: one.noise)))


def is_read(key: str, table: Table) -> bool:
    """Return whether a dialect with this table reads the key."""
    return key in table.facts or is_flattened(key, table) or custom_name(key, table) is not None


def custom_name(key: str, table: Table) -> str | None:
    """Return the application's own name for this key; None if the key is not the application's."""
    if key.startswith(table.custom_prefixes):
        for prefix in table.custom_prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return key[len(prefix) :]
    return None


def is_flattened(key: str, table: Table) -> bool:
    """Return whether the key is part of flattened content: an index follows the prefix."""
    if not key.startswith(table.content_prefixes):
        return False
    start = next(len(prefix) for prefix in table.content_prefixes if key.startswith(prefix))
    return key[start : start + 1].isdecimal()
