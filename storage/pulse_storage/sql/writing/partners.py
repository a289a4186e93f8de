"""Find the stored spans of other traces that may be of the same calls as the spans of a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple, cast

from pulse_storage.partner_keys import (
    PARTNER_START_NS,
    STREAM_START_NS,
    has_both_sides,
    partner_fact,
    partner_keys_of,
    response_keys,
)
from pulse_storage.rows import SpanRow
from pulse_storage.skeletons import Skeleton
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.partners import request_by_partner_key, request_by_response

#: So many keys are looked up by one statement.
_KEYS_A_STATEMENT = 500


#: A stored `PartnerSpan` as it is read.
_Columns = tuple[bytes, bytes, int, str | None, str | None, str | None, str | None]


class PartnerSpan(NamedTuple):
    """What spans are compared by to find out whether they may be partners."""

    otel_trace_id: bytes
    otel_span_id: bytes
    start_ns: int
    scope: str | None
    service: str | None
    provider_request_id: str | None
    partner_key: str | None


def partner_span(span: SpanRow | Skeleton) -> PartnerSpan:
    """Return what a span is compared by."""
    return PartnerSpan(
        span.otel_trace_id,
        span.otel_span_id,
        span.start_ns,
        span.scope,
        span.service,
        span.provider_request_id,
        span.partner_key,
    )


class Partners:
    """The spans of a project that may be of the same calls as others, by response id or partner key."""

    def __init__(self, connection: Connection, project: int) -> None:
        self._connection = connection
        self._project = project
        self._requested: list[Iterable[Values]] = []
        self._spans: list[PartnerSpan] = []

    def request(self, spans: Iterable[SpanRow | Skeleton]) -> None:
        """Request the stored spans that may be partners of these; `linked` reads the answers."""
        by_response: dict[str, None] = {}
        by_key: dict[str, None] = {}
        first_ns = last_ns = None
        for span in spans:
            response_id, key = span.provider_request_id, span.partner_key
            if not span.model_call or (response_id is None and key is None):
                continue
            start_ns = span.start_ns
            self._spans.append(partner_span(span))
            if first_ns is None or start_ns < first_ns:
                first_ns = start_ns
            if last_ns is None or start_ns > last_ns:
                last_ns = start_ns
            if response_id is not None:
                by_response.update(dict.fromkeys(response_keys(response_id, start_ns)))
            if key is not None:
                by_key.update(dict.fromkeys(partner_keys_of(key, start_ns)))
        if first_ns is None or last_ns is None:
            return
        for keys, request, within_ns in (
            (list(by_response), request_by_response, PARTNER_START_NS),
            (list(by_key), request_by_partner_key, STREAM_START_NS),
        ):
            times = first_ns - within_ns, last_ns + within_ns
            for at in range(0, len(keys), _KEYS_A_STATEMENT):
                some = keys[at : at + _KEYS_A_STATEMENT]
                self._requested.append(request(self._connection, self._project, some, times))

    def linked(self) -> list[list[PartnerSpan]]:
        """Return, for each call that spans of several traces may record, these spans, given and stored."""
        stored = [PartnerSpan._make(cast("_Columns", values)) for rows in self._requested for values in rows]
        spans, self._spans, self._requested = self._spans, [], []
        return linked_spans(spans + stored)


def linked_spans(spans: Sequence[PartnerSpan]) -> list[list[PartnerSpan]]:
    """Return the spans that may be partners of each other, one list for each call that they may be of."""
    by_response: dict[str, list[PartnerSpan]] = defaultdict(list)
    by_key: dict[str, list[PartnerSpan]] = defaultdict(list)
    for span in spans:
        if span.provider_request_id is not None:
            by_response[span.provider_request_id].append(span)
        if span.partner_key is not None:
            by_key[partner_fact(span.partner_key)].append(span)
    found = [
        run
        for some in by_response.values()
        if len(some) > 1
        for run in _runs(some, PARTNER_START_NS)
        if len({(span.scope, span.service) for span in run}) > 1
    ]
    found += [
        run
        for some in by_key.values()
        if len(some) > 1
        for run in _runs(some, STREAM_START_NS)
        if has_both_sides(span.partner_key or "" for span in run)
    ]
    return [run for run in found if len({span.otel_trace_id for span in run}) > 1]


def _runs(spans: list[PartnerSpan], within_ns: int) -> list[list[PartnerSpan]]:
    """Part spans where nothing starts for so long."""
    spans.sort(key=attrgetter("start_ns"))
    runs = [[spans[0]]]
    for one, other in pairwise(spans):
        if other.start_ns - one.start_ns > within_ns:
            runs.append([])
        runs[-1].append(other)
    return runs
