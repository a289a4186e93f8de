"""A dialect: where one family of instrumentors puts each fact, and what is peculiar to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from pulse_collector.span_facts import NumberColumn, SpanFacts, TextColumn
from pulse_collector.usage import CountColumn


class Kind(IntEnum):
    """How the value of an attribute is read."""

    TEXT = 0
    COUNT = 1
    #: Durations become milliseconds.
    SECONDS = 2
    MILLISECONDS = 3
    DOLLARS = 4
    TAGS = 5
    REASONS = 6
    #: Read by the dialect's own function, and kept nowhere else.
    CONTENT = 7
    #: Worth nothing: kept nowhere.
    NOISE = 8


class Slot(NamedTuple):
    """Where an attribute goes. Of several that fill a column the one with the least rank wins."""

    kind: Kind
    column: TextColumn | CountColumn | NumberColumn | None
    rank: int


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

    def table(self) -> dict[str, Slot]:
        """Each attribute key's slot, this dialect's keys before those of the one it extends."""
        table: dict[str, Slot] = {}
        for generation, dialect in enumerate(self.line()):
            for key, slot in dialect._slots():
                table.setdefault(key, slot._replace(rank=slot.rank + 100 * generation))
        return table

    def line(self) -> list[Dialect]:
        """This dialect, the one it extends, and so on."""
        return [self, *(self.extends.line() if self.extends else ())]

    def _slots(self) -> Iterator[tuple[str, Slot]]:
        for column, keys in self.texts.items():
            yield from _ranked(Kind.TEXT, column, keys)
        for column, keys in self.counts.items():
            yield from _ranked(Kind.COUNT, column, keys)
        yield from _ranked(Kind.SECONDS, "time_to_first_token_ms", self.first_token_seconds)
        yield from _ranked(Kind.MILLISECONDS, "time_to_first_token_ms", self.first_token_ms)
        yield from _ranked(Kind.DOLLARS, "cost_usd", self.cost_usd)
        yield from _ranked(Kind.TAGS, None, self.tags)
        yield from _ranked(Kind.REASONS, None, self.finish_reasons)
        yield from _ranked(Kind.CONTENT, None, self.content)
        yield from _ranked(Kind.NOISE, None, self.noise)


def _ranked(
    kind: Kind, column: TextColumn | CountColumn | NumberColumn | None, keys: tuple[str, ...]
) -> Iterator[tuple[str, Slot]]:
    for rank, key in enumerate(keys):
        yield key, Slot(kind, column, rank)
