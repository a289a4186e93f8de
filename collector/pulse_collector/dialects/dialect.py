"""The tables in which a dialect lists the attributes for each fact, and their compiled form."""

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
    """The attributes in which one family of instrumentors writes each fact.

    Attribute keys are listed in order of preference. A dialect that extends another one puts its own keys
    first. `read` runs after the table has been applied and sets what a table cannot describe: content,
    documents inside attributes, events.
    """

    name: str
    #: Instrumentation scopes of this dialect; also scopes that continue one after a dot or a slash.
    scopes: tuple[str, ...] = ()
    #: Prefixes of keys that only this family writes. A span of another dialect's scope with such a key is
    #: read by this dialect too.
    markers: tuple[str, ...] = ()
    #: The attribute that names the kind of a span, and its values as operations.
    kind_key: str | None = None
    #: Further names of the same attribute.
    kind_aliases: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    #: True if the kind attribute takes precedence over `gen_ai.operation.name`.
    kind_wins: bool = False
    texts: Mapping[TextColumn, tuple[str, ...]] = field(default_factory=dict[TextColumn, tuple[str, ...]])
    counts: Mapping[CountColumn, tuple[str, ...]] = field(default_factory=dict[CountColumn, tuple[str, ...]])
    first_token_seconds: tuple[str, ...] = ()
    first_token_ms: tuple[str, ...] = ()
    #: Attributes with the time of the first token: ISO 8601, or Unix time in s, ms or ns.
    first_token_at: tuple[str, ...] = ()
    cost_usd: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    #: Prefixes of keys of flattened messages, which are content.
    content_prefixes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    #: Attributes with success or failure; `read` interprets them, on spans of other scopes too.
    outcome: tuple[str, ...] = ()
    #: Prefixes of keys of the application's own metadata; the rest of the key is the application's name.
    custom_prefixes: tuple[str, ...] = ()
    #: Providers whose input tokens exclude cache reads and writes in this dialect.
    input_excludes_cache: frozenset[str] = frozenset()
    cost_is_estimate: bool = False
    read: Callable[[SpanFacts], None] = _no_peculiarities
    extends: Dialect | None = None

    def line(self) -> list[Dialect]:
        """Return this dialect, the one it extends, and so on."""
        return [self, *(self.extends.line() if self.extends else ())]

    def kind_keys(self) -> tuple[str, ...]:
        """Return the attributes that name the kind of a span, in order of preference."""
        return () if self.kind_key is None else (self.kind_key, *self.kind_aliases)


class Table(NamedTuple):
    """A dialect's table merged with those of the dialects that it extends, in order of preference."""

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
    #: Keys with messages and documents, which `read` interprets.
    content: frozenset[str]
    #: Every key that fills a column or is read by `read`.
    facts: frozenset[str]
    #: These keys and the keys that are dropped; all other keys are stored in the metadata.
    known: frozenset[str]


def compile_table(dialect: Dialect) -> Table:
    """Compile the table of a dialect, once for all spans."""
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
    """Return the application's own name in a metadata key; None if the key has no custom prefix."""
    if key.startswith(table.custom_prefixes):
        for prefix in table.custom_prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return key[len(prefix) :]
    return None


def is_flattened(key: str, table: Table) -> bool:
    """Return whether the key is part of flattened content: a content prefix followed by an index."""
    if not key.startswith(table.content_prefixes):
        return False
    start = next(len(prefix) for prefix in table.content_prefixes if key.startswith(prefix))
    return key[start : start + 1].isdecimal()
