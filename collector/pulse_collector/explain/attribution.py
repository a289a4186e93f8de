"""Finds which part of a span fills which column, by mapping the span without the part or with it changed.

This needs no knowledge of dialects. A part fills a column if a change of the part changes the column. A part
is overruled in a column if it fills the column only after the part that does is removed.
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

#: Columns without an attribution: they identify the span, or follow from other columns.
_NOT_ATTRIBUTED = frozenset(
    {
        *("project_id", "otel_trace_id", "otel_span_id", "parent_span_id", "gen_ai", "scope"),
        *("usage_source", "cost_source", "price_version", "partner_key", "model_call", "dialect"),
        *("reported_cost_nano_usd", "estimated_cost_nano_usd"),
    }
)
#: The kind of the span: if it changes, most columns change too.
_KIND = ("operation", "model_call", "dialect")
#: Columns that attributes of the resource fill too.
_OF_RESOURCE = ("service", "environment", "release")
_PACKED = ("output_text", "request_body", "response_body")
_COST = "cost_nano_usd"
#: Inputs of the cost: an alternative source of one of them is reported for that column only.
_COST_FROM = frozenset({"provider", "model_requested", "model_used", "start_ns", "status", *Usage._fields})
#: How many parts are tried that would replace the source of a column.
_MAX_FALLBACKS = 3

Facts = Mapping[str, object]


class Budget:
    """Bounds the work for one explanation: the number of mappings, and the bytes of the mapped spans."""

    def __init__(self, mappings: int, size_bytes: int) -> None:
        self.mappings = mappings
        self.size_bytes = size_bytes

    def has(self, mappings: int, size_bytes: int) -> bool:
        """Return whether so many mappings of a span of this size are within the budget."""
        return mappings <= self.mappings and mappings * size_bytes <= self.size_bytes

    def spend(self, size_bytes: int) -> None:
        """Charge one mapping of a span of this size."""
        self.mappings -= 1
        self.size_bytes -= size_bytes


@dataclass(frozen=True, slots=True)
class Overruled:
    """A part that would fill the column if a preferred part were absent."""

    label: str
    value: AttributeValue


@dataclass(slots=True)
class Attribution:
    """The parts of a span from which its row was made."""

    #: Column to the labels of the parts that fill it.
    sources: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    overruled: dict[str, list[Overruled]] = field(default_factory=dict[str, list[Overruled]])
    #: Members of the metadata to the labels of the parts that fill them.
    metadata: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    #: Parts that fill no column.
    unused: list[Input] = field(default_factory=list[Input])


class Mapped:
    """One span, which can be mapped unchanged and with changes."""

    def __init__(
        self, request: ExportTraceServiceRequest, received_ns: int, prices: Prices, budget: Budget
    ) -> None:
        self._request = request
        self._prices = prices
        self._received_ns = received_ns
        self._budget = budget
        self._size_bytes = request.ByteSize()

    def row(self, *changes: Change) -> SpanRow | None:
        """Return the row of the span with these changes; None if the changed span is rejected."""
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
        """Return the values of `row` by column, with the members of its metadata."""
        return facts_of(self.row(*changes))


def facts_of(row: SpanRow | None) -> Facts:
    """Return a row's values by column, bodies unpacked, and the metadata by member as `metadata.…`."""
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
    """Return which parts of the one span in a request fill which columns of its row.

    Returns None, and charges nothing, if the budget is too small.
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
    # Excluded: parts that only reach the metadata, and parts that decide the kind of the span.
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
                _remove_ineffective(found, mapped, one, same, inputs, altered)
    for column in [
        column for column in base if _wants_sources(base, column) and not found.sources.get(column)
    ]:
        if budget.has(2 * len(inputs), request.ByteSize()):
            found.sources[column] = _each_sufficient(mapped, base, column, inputs)
    used = {label for labels in (*found.sources.values(), *found.metadata.values()) for label in labels}
    used |= {entry.label for entries in found.overruled.values() for entry in entries}
    found.unused = [one for one in inputs if one.may_be_overruled and one.label not in used]
    return found


def _remove_ineffective(
    found: Attribution,
    mapped: Mapped,
    one: Input,
    columns: set[str],
    inputs: Sequence[Input],
    altered: Sequence[Facts],
) -> None:
    """Remove a part from the sources of columns whose value does not depend on whether the part exists.

    Such a part would fill them with another value, for example a cost of 0, which is ignored. A part that
    repeats the value of another part remains a source: it hides the other part.
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
    """Return the parts that each alone give the column its value: removing one of them changes nothing."""
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
    return base.get(column) not in (None, ()) and column not in _NOT_ATTRIBUTED and not _is_metadata(column)


def _attribute_columns(
    found: Attribution, base: Facts, inputs: Sequence[Input], changed: Sequence[set[str]]
) -> None:
    """Set the sources of each column.

    A part that decides the kind fills the columns without another source.
    """
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
    """Record the parts that would fill these columns in place of the source, then in place of those."""
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
