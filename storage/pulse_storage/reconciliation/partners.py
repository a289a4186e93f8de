"""Find the spans of several traces that may record the same call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from pulse_storage.reconciliation.partner_keys import (
    PARTNER_START_NS,
    STREAM_START_NS,
    are_of_both_sides,
    is_outer,
    output_fact,
    partner_fact,
)
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import SpanRow


class PartnerSpan(NamedTuple):
    """The values by which spans are compared to find possible partners."""

    otel_trace_id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    start_ns: int
    scope: str | None
    service: str | None
    provider_request_id: str | None
    partner_key: str | None
    output_tokens: int | None


def partner_span(span: SpanRow | Skeleton) -> PartnerSpan:
    """Return the values by which a span is compared."""
    return PartnerSpan(
        span.otel_trace_id,
        span.otel_span_id,
        span.parent_span_id,
        span.start_ns,
        span.scope,
        span.service,
        span.provider_request_id,
        span.partner_key,
        span.output_tokens,
    )


def linked_spans(spans: Sequence[PartnerSpan]) -> list[list[PartnerSpan]]:
    """Return the spans that may be partners of each other, one list for each call that they may be of."""
    by_response: dict[str, list[PartnerSpan]] = defaultdict(list)
    by_key: dict[str, list[PartnerSpan]] = defaultdict(list)
    by_output: dict[str, list[PartnerSpan]] = defaultdict(list)
    for span in spans:
        if span.provider_request_id is not None:
            by_response[span.provider_request_id].append(span)
        if span.partner_key is not None:
            by_key[partner_fact(span.partner_key)].append(span)
        if span.partner_key is not None and is_outer(span.partner_key):
            by_output[partner_fact(span.partner_key)].append(span)
        elif span.parent_span_id is None and span.provider_request_id is not None:
            by_output[output_fact(span.output_tokens)].append(span)
    found = [
        run
        for run in _runs(by_response.values(), PARTNER_START_NS)
        if len({(span.scope, span.service) for span in run}) > 1
    ]
    found += [
        run
        for run in _runs(by_key.values(), STREAM_START_NS)
        if are_of_both_sides(span.partner_key or "" for span in run)
    ]
    found += [
        run
        for run in _runs(by_output.values(), PARTNER_START_NS)
        if len({is_outer(span.partner_key) for span in run}) > 1
    ]
    return [run for run in found if len({span.otel_trace_id for span in run}) > 1]


def linked_traces(spans: Iterable[Skeleton], trace_ids: Set[bytes]) -> set[bytes]:
    """Return these traces and all traces of `spans` that are linked to them by partners, directly or not."""
    calls = [partner_span(span) for span in spans if span.model_call]
    groups = [{span.otel_trace_id for span in linked} for linked in linked_spans(calls)]
    found = set(trace_ids)
    more = True
    while more:
        linked = {id for group in groups if not group.isdisjoint(found) for id in group}
        more = not linked <= found
        found |= linked
    return found


def _runs(groups: Iterable[list[PartnerSpan]], within_ns: int) -> list[list[PartnerSpan]]:
    """Divide groups of several spans where no span starts within `within_ns` after the one before."""
    runs: list[list[PartnerSpan]] = []
    for spans in groups:
        if len(spans) > 1:
            spans.sort(key=attrgetter("start_ns"))
            runs.append([spans[0]])
            for one, other in pairwise(spans):
                if other.start_ns - one.start_ns > within_ns:
                    runs.append([])
                runs[-1].append(other)
    return runs
