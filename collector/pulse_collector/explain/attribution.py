"""Finds which part of a span feeds which column, by mapping the span again without it and with another.

Nothing is known here of any dialect: what is said of a column is true because the column changed. A part
feeds a column if the column changes when the part does; it is overruled in a column if it feeds it only
once the part that does is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import cast

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pulse_collector.explain.inputs import Change, Input, inputs_of
from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.usage import Usage
from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing import Prices
from pulse_storage.content.bodies import unpack
from pulse_storage.rows import SpanRow

#: Columns of no interest by themselves: they name the span, or follow from the ones beside them.
_APART = frozenset(
    {
        *("project_id", "otel_trace_id", "otel_span_id", "parent_span_id", "gen_ai", "scope"),
        *("usage_source", "cost_source", "price_version", "partner_key", "model_call", "dialect"),
        *("reported_cost_nano_usd", "estimated_cost_nano_usd"),
    }
)
#: What kind of span it is; when that changes, so does everything else.
_KIND = ("operation", "model_call", "dialect")
#: What a resource tells too.
_OF_RESOURCE = ("service", "environment", "release")
_PACKED = ("output_text", "request_body", "response_body")
_COST = "cost_nano_usd"
#: What a cost is computed from: what would follow in one of these is told there.
_COST_FROM = frozenset({"provider", "model_requested", "model_used", "start_ns", "status", *Usage._fields})
#: How many parts are looked at that would follow the one which feeds a column.
_MAX_FALLBACKS = 3

Facts = Mapping[str, object]


class Budget:
    """How much mapping one request for an explanation may cost: times, and bytes of spans."""

    def __init__(self, mappings: int, size_bytes: int) -> None:
        self.mappings = mappings
        self.size_bytes = size_bytes

    def has(self, mappings: int, size_bytes: int) -> bool:
        """Whether so many mappings of a span of this size can still be paid."""
        return mappings <= self.mappings and mappings * size_bytes <= self.size_bytes

    def spend(self, size_bytes: int) -> None:
        """Pay for one mapping."""
        self.mappings -= 1
        self.size_bytes -= size_bytes


@dataclass(frozen=True, slots=True)
class Overruled:
    """A part of the span that would have fed the column, but for one that goes before it."""

    label: str
    value: AttributeValue


@dataclass(slots=True)
class Attribution:
    """Which parts of a span its row was made of."""

    #: Column to the labels of the parts that feed it.
    sources: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    overruled: dict[str, list[Overruled]] = field(default_factory=dict[str, list[Overruled]])
    #: Members of the metadata to the labels of the parts that feed them.
    metadata: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    #: Parts on which nothing depends.
    unused: list[Input] = field(default_factory=list[Input])


class Mapped:
    """One span as it is mapped, and as it would be if it were otherwise."""

    def __init__(
        self, request: ExportTraceServiceRequest, received_ns: int, prices: Prices, budget: Budget
    ) -> None:
        self._request = request
        self._prices = prices
        self._received_ns = received_ns
        self._budget = budget
        self._size_bytes = request.ByteSize()

    def row(self, *changes: Change) -> SpanRow | None:
        """The row of the span with these changes; None if it cannot be one any more."""
        request = self._request
        if changes:
            request = ExportTraceServiceRequest()
            request.CopyFrom(self._request)
            for change in changes:
                change(request)
        self._budget.spend(self._size_bytes)
        rows = map_spans("", request, self._received_ns, self._prices).rows
        return rows[0] if rows else None

    def facts(self, *changes: Change) -> Facts:
        """What `row` says, by column, with the members of its metadata beside."""
        return facts_of(self.row(*changes))


def facts_of(row: SpanRow | None) -> Facts:
    """A row's columns by name, bodies unpacked, and `metadata.…` by member."""
    if row is None:
        return {}
    facts: dict[str, object] = dict(zip(SpanRow._fields, row, strict=True))
    for column in _PACKED:
        packed = cast("bytes | None", facts[column])
        facts[column] = None if packed is None else unpack(packed)
    del facts["metadata"]
    document = cast("dict[str, object]", orjson.loads(row.metadata or "{}"))
    for member, value in document.items():
        if isinstance(value, dict) and member in ("attributes", "resource"):
            inner = cast("dict[str, object]", value)
            facts |= {f"metadata.{member}.{key}": one for key, one in inner.items()}
        else:
            facts[f"metadata.{member}"] = value
    return facts


def attribute(
    request: ExportTraceServiceRequest, received_ns: int, prices: Prices, budget: Budget
) -> Attribution | None:
    """Which parts of the one span in a request feed which column of its row.

    None if the budget is too small for it, which then is not spent.
    """
    inputs = list(inputs_of(request))
    if not budget.has(2 * len(inputs) + 1, request.ByteSize()):
        return None
    mapped = Mapped(request, received_ns, prices, budget)
    base = mapped.facts()
    without = [mapped.facts(one.remove) for one in inputs]
    altered = [mapped.facts(one.alter) for one in inputs]
    changed = [
        _changed(base, gone) | _changed(base, other) for gone, other in zip(without, altered, strict=True)
    ]
    feeds_already = {one.label: columns for one, columns in zip(inputs, changed, strict=True)}
    found = Attribution()
    _attribute_columns(found, base, inputs, changed)
    # What is only kept, and what decides the kind of span, would feed no column in place of another.
    candidates = [
        one
        for one, feeds in zip(inputs, changed, strict=True)
        if one.may_be_overruled
        and not (feeds and all(map(_is_metadata, feeds)) and one.key is not None)
        and feeds.isdisjoint(_KIND)
    ]
    for one, gone in zip(inputs, without, strict=True):
        columns = {column for column, labels in found.sources.items() if one.label in labels} - {*_KIND}
        if one not in candidates or not columns:
            continue
        if budget.has(len(candidates) * _MAX_FALLBACKS, request.ByteSize()):
            _find_overruled(found, mapped, one, gone, columns, candidates, feeds_already)
            same = {column for column in columns - _changed(base, gone) if not found.overruled.get(column)}
            if same:
                _forget_unbelieved(found, mapped, one, same, inputs, altered)
    for column in [
        column for column in base if _wants_sources(base, column) and not found.sources.get(column)
    ]:
        if budget.has(2 * len(inputs), request.ByteSize()):
            found.sources[column] = _each_sufficient(mapped, base, column, inputs)
    used = {label for labels in (*found.sources.values(), *found.metadata.values()) for label in labels}
    used |= {entry.label for entries in found.overruled.values() for entry in entries}
    found.unused = [one for one in inputs if one.may_be_overruled and one.label not in used]
    return found


def _forget_unbelieved(
    found: Attribution,
    mapped: Mapped,
    one: Input,
    columns: set[str],
    inputs: Sequence[Input],
    altered: Sequence[Facts],
) -> None:
    """Take a part from the sources of columns that follow all the other parts alike with it and without it.

    It would feed them if it said something else: a cost of 0, which is not believed. A part that only says
    what another would say in its place is a source: with it, that other one has nothing to say.
    """
    columns = {column for column in columns if len(found.sources[column]) > 1}
    for other, with_it in zip(inputs, altered, strict=True):
        if not columns:
            return
        if other is not one:
            columns = columns - _changed(with_it, mapped.facts(one.remove, other.alter))
    for column in columns:
        found.sources[column].remove(one.label)


def _each_sufficient(mapped: Mapped, base: Facts, column: str, inputs: Sequence[Input]) -> list[str]:
    """The parts of which each alone gives the column its value, so that the loss of one changes nothing."""
    removed: list[Input] = []
    for one in inputs:
        removed.append(one)
        if mapped.facts(*(each.remove for each in removed)).get(column) == base.get(column):
            continue
        sufficient: list[str] = []
        for kept in removed:
            facts = mapped.facts(*(each.remove for each in removed if each is not kept))
            if facts.get(column) == base.get(column):
                sufficient.append(kept.label)
        return sufficient
    return []


def _wants_sources(base: Facts, column: str) -> bool:
    return base.get(column) not in (None, ()) and column not in _APART and not _is_metadata(column)


def _attribute_columns(
    found: Attribution, base: Facts, inputs: Sequence[Input], changed: Sequence[set[str]]
) -> None:
    """Give each column its sources. A part that decides what the span is feeds what nothing else feeds."""
    fed: dict[str, list[str]] = defaultdict(list)
    decided: dict[str, list[str]] = defaultdict(list)
    for one, columns in zip(inputs, changed, strict=True):
        decides = not columns.isdisjoint(_KIND)
        for column in columns:
            (decided if decides and column not in _KIND else fed)[column].append(one.label)
    for column in (*fed, *(column for column in decided if column not in fed)):
        if not (_wants_sources(base, column) or (_is_metadata(column) and base.get(column) is not None)):
            continue
        place = found.metadata if _is_metadata(column) else found.sources
        place[column.removeprefix("metadata.")] = fed.get(column) or decided[column]


def _find_overruled(
    found: Attribution,
    mapped: Mapped,
    source: Input,
    gone: Facts,
    columns: set[str],
    candidates: Sequence[Input],
    feeds_already: Mapping[str, Set[str]],
) -> None:
    """Note what would feed these columns in place of the source, then in place of that, and so on."""
    removed = [source]
    columns = {column for column in columns if gone.get(column) not in (None, ())}
    for _ in range(_MAX_FALLBACKS):
        if not columns:
            return
        removals = [one.remove for one in removed]
        following: list[Input] = []
        for one in candidates:
            if one in removed or (one.of_resource and columns.isdisjoint(_OF_RESOURCE)):
                continue
            changed = _changed(gone, mapped.facts(*removals, one.alter))
            if not changed.isdisjoint(_COST_FROM):
                changed.discard(_COST)
            changed = (changed & columns) - feeds_already[one.label]
            if changed:
                following.append(one)
            for column in changed:
                entries = found.overruled.setdefault(column, [])
                if all(entry.label != one.label for entry in entries):
                    entries.append(Overruled(one.label, one.value))
        if not following:
            return
        removed += following
        gone = mapped.facts(*(one.remove for one in removed))
        columns = {column for column in columns if gone.get(column) not in (None, ())}


def _changed(base: Facts, other: Facts) -> set[str]:
    return {column for column in base.keys() | other.keys() if base.get(column) != other.get(column)}


def _is_metadata(column: str) -> bool:
    return column.startswith("metadata.")
