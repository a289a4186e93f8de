"""Find the stored spans of other traces that may be of the same calls as the spans of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pulse_storage.reconciliation.partner_keys import (
    PARTNER_START_NS,
    RESPONSE_ID_CHARS,
    STREAM_START_NS,
    has_side,
    is_outer,
    outer_key_range,
    outer_keys_of,
    partner_keys_of,
    slot_ranges,
    slots_of,
)
from pulse_storage.reconciliation.partners import PartnerSpan, linked_spans, partner_span
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection, Cursor, Values
from pulse_storage.sql.tables.partners import (
    request_any_key,
    request_by_output,
    request_by_partner_key,
    request_by_response,
)
from pulse_storage.sql.writing.recent_ids import RecentIds

#: So many keys are looked up by one statement.
_KEYS_A_STATEMENT = 500
#: A stored `PartnerSpan` as it is read.
_Columns = tuple[bytes, bytes, bytes | None, int, str | None, str | None, str | None, str | None, int | None]


class Partners:
    """The spans of a project that may be of the same calls as others, in other traces."""

    def __init__(self, connection: Connection, project: int, recent: RecentIds | None = None) -> None:
        self._connection = connection
        self._project = project
        self._recent = recent
        self._requested: list[Iterable[Values]] = []
        self._any_outer: Cursor | None = None
        self._spans: list[SpanRow | Skeleton] = []
        #: False if no two of the spans have a response id or a partner key in common.
        self._may_be_linked = False

    def request(self, spans: Iterable[SpanRow | Skeleton], *, only_keys_without_side: bool = False) -> None:
        """Request the stored spans that may be partners of these; `linked` reads the answers.

        Of spans of one scope and service only those with keys without a side can be: halves of streams.
        """
        calls = [
            span
            for span in spans
            if span.model_call
            and (span.partner_key is not None or (span.provider_request_id and not only_keys_without_side))
        ]
        if only_keys_without_side:
            calls = [span for span in calls if not has_side(span.partner_key or "")]
        if not calls:
            return
        self._spans += calls
        recent = None if only_keys_without_side else self._recent
        by_response = _response_ends(calls) if recent is None else recent.take(self._project, calls)
        if by_response:
            self._requested += request_by_response(self._connection, self._project, by_response)
        keyed = [span for span in calls if span.partner_key is not None]
        self._may_be_linked = self._may_be_linked or bool(by_response or keyed)
        starts = [span.start_ns for span in calls]
        within_ns = min(starts), max(starts)
        if keyed:
            self._request_partners_of(keyed, within_ns)
        if any(span.parent_span_id is None and span.provider_request_id is not None for span in calls):
            keys = outer_key_range(*within_ns)
            self._any_outer = request_any_key(self._connection, self._project, keys)

    def _request_partners_of(self, keyed: Sequence[SpanRow | Skeleton], within_ns: tuple[int, int]) -> None:
        keys = [key for span in keyed for key in partner_keys_of(span.partner_key or "", span.start_ns)]
        self._request_by_key(keys, within_ns, STREAM_START_NS)
        outer = [span for span in keyed if is_outer(span.partner_key)]
        outputs = {span.output_tokens for span in outer}
        for slots in slot_ranges(span.start_ns for span in outer):
            self._requested += request_by_output(self._connection, self._project, slots, outputs)

    def _request_by_key(self, keys: Sequence[str], within_ns: tuple[int, int], apart_ns: int) -> None:
        times = within_ns[0] - apart_ns, within_ns[1] + apart_ns
        for some in _some_at_a_time(keys):
            self._requested.append(request_by_partner_key(self._connection, self._project, some, times))

    def linked(self) -> list[list[PartnerSpan]]:
        """Return, for each call that spans of several traces may record, these spans, given and stored."""
        spans = self._spans
        if self._any_outer is not None and self._any_outer.fetchone() is not None:
            self._request_outer_of(spans)
        stored = [PartnerSpan._make(values) for rows in self._requested for values in rows]
        self._spans, self._requested, self._any_outer = [], [], None
        may_be_linked, self._may_be_linked = self._may_be_linked, False
        if not stored and (not may_be_linked or _are_apart(spans)):
            return []
        return linked_spans([partner_span(span) for span in spans] + stored)

    def _request_outer_of(self, spans: Sequence[SpanRow | Skeleton]) -> None:
        """Request the spans of frameworks that may be of calls with an id that begin a trace."""
        roots = [
            span for span in spans if span.parent_span_id is None and span.provider_request_id is not None
        ]
        starts = [span.start_ns for span in roots]
        keys = [key for span in roots for key in outer_keys_of(span.output_tokens, span.start_ns)]
        self._request_by_key(keys, (min(starts), max(starts)), PARTNER_START_NS)


def _response_ends(calls: Iterable[SpanRow | Skeleton]) -> dict[int, list[str]]:
    """Return the ends of response ids by each slot in which a partner may start."""
    ends: dict[int, list[str]] = {}
    for call in calls:
        if call.provider_request_id is not None:
            for slot in slots_of(call.start_ns):
                ends.setdefault(slot, []).append(call.provider_request_id[-RESPONSE_ID_CHARS:])
    return ends


def _some_at_a_time(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(keys), _KEYS_A_STATEMENT):
        yield keys[at : at + _KEYS_A_STATEMENT]


def _are_apart(spans: Sequence[SpanRow | Skeleton]) -> bool:
    """Return whether no two of these spans can be partners, as is so of nearly all batches."""
    ids = [span.provider_request_id for span in spans if span.provider_request_id is not None]
    return len(ids) == len(set(ids)) and all(span.partner_key is None for span in spans)
