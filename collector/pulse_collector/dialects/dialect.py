"""A dialect: where one family of instrumentors puts each fact, and what is peculiar to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pulse_collector.mapping.span_facts import SpanFacts, TextColumn
from pulse_collector.mapping.usage import CountColumn


def _no_peculiarities(facts: SpanFacts) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one family of instrumentors says, and how.

    Attribute keys are listed best first. A dialect extends another's table: its own keys come first. `read`
    is called after the table was filled in and completes the facts with whatever needs more than a table:
    content, documents inside of attributes, events.
    """

    name: str
    #: The instrumentation scopes that speak this dialect, with all that continue them after a dot.
    scopes: tuple[str, ...] = ()
    #: The attribute that says what a span is, and its values as operations.
    kind_key: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    #: The kind is right even where `gen_ai.operation.name` says otherwise.
    kind_wins: bool = False
    texts: Mapping[TextColumn, tuple[str, ...]] = field(default_factory=dict[TextColumn, tuple[str, ...]])
    counts: Mapping[CountColumn, tuple[str, ...]] = field(default_factory=dict[CountColumn, tuple[str, ...]])
    first_token_seconds: tuple[str, ...] = ()
    first_token_ms: tuple[str, ...] = ()
    cost_usd: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    #: Beginnings of keys that are content: flattened messages.
    content_prefixes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
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


class Table(NamedTuple):
    """A dialect's tables with those of the dialects that it extends, best key first."""

    texts: tuple[tuple[TextColumn, tuple[str, ...]], ...]
    counts: tuple[tuple[CountColumn, tuple[str, ...]], ...]
    first_token_seconds: tuple[str, ...]
    first_token_ms: tuple[str, ...]
    cost_usd: tuple[str, ...]
    tags: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    content_prefixes: tuple[str, ...]
    custom_prefixes: tuple[str, ...]
    #: What holds messages and documents: `read` understands it.
    content: frozenset[str]
    #: Every key that a column, a reader or nobody wants: the others are kept in metadata.
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
        cost_usd=keys_of(lambda one: one.cost_usd),
        tags=keys_of(lambda one: one.tags),
        finish_reasons=keys_of(lambda one: one.finish_reasons),
        content_prefixes=keys_of(lambda one: one.content_prefixes),
        custom_prefixes=keys_of(lambda one: one.custom_prefixes),
        content=frozenset(keys_of(lambda one: one.content)),
        known=frozenset(),
    )
    known = {
        *(key for _, keys in (*texts.items(), *counts.items()) for key in keys),
        *table.first_token_seconds,
        *table.first_token_ms,
        *table.cost_usd,
        *table.tags,
        *table.finish_reasons,
        *table.content,
        *keys_of(lambda one: one.noise),
        *keys_of(lambda one: (one.kind_key,) if one.kind_key else ()),
    }
    return table._replace(known=frozenset(known))
