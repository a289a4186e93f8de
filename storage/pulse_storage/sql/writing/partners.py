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
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.partners import (
    has_partner_key,
    read_by_output,
    read_by_partner_key,
    read_by_response,
)
from pulse_storage.sql.writing.recent_ids import RecentIds

#: The maximum number of keys per statement.
_KEYS_A_STATEMENT = 500


def find_linked(
    connection: Connection,
    project: int,
    spans: Iterable[SpanRow | Skeleton],
    recent: RecentIds | None = None,
    *,
    only_keys_without_side: bool = False,
) -> list[list[PartnerSpan]]:
    """Return a list of spans, given and stored, for each call that spans of several traces may record.

    With `only_keys_without_side`, consider only spans with such a key: halves of streams. Spans of one scope
    and service have no other partners. `recent` avoids the query for response ids that no stored call has.
    """
    calls = [
        span
        for span in spans
        if span.model_call
        and (span.partner_key is not None or (span.provider_request_id and not only_keys_without_side))
    ]
    if only_keys_without_side:
        calls, recent = [span for span in calls if not has_side(span.partner_key or "")], None
    if not calls:
        return []
    ends = _response_ends(calls) if recent is None else recent.take(project, calls)
    keyed = [span for span in calls if span.partner_key is not None]
    stored = [*read_by_response(connection, project, ends)] if ends else []
    if keyed:
        stored += _partners_by_key(connection, project, keyed, calls)
    roots = [span for span in calls if span.parent_span_id is None and span.provider_request_id is not None]
    if roots and has_partner_key(connection, project, outer_key_range(*_starts(calls))):
        # Spans of frameworks may record a call with an id that begins a trace.
        keys = [key for span in roots for key in outer_keys_of(span.output_tokens, span.start_ns)]
        stored += _with_keys(connection, project, keys, _starts(roots), PARTNER_START_NS)
    if not stored and (not (ends or keyed) or _are_apart(calls)):
        return []
    return linked_spans([partner_span(span) for span in calls] + stored)


def _partners_by_key(
    connection: Connection,
    project: int,
    keyed: Sequence[SpanRow | Skeleton],
    calls: Sequence[SpanRow | Skeleton],
) -> Iterator[PartnerSpan]:
    """Yield the stored spans that may be partners of calls with a partner key, which are among `calls`."""
    keys = [key for span in keyed for key in partner_keys_of(span.partner_key or "", span.start_ns)]
    yield from _with_keys(connection, project, keys, _starts(calls), STREAM_START_NS)
    outer = [span for span in keyed if is_outer(span.partner_key)]
    outputs = {span.output_tokens for span in outer}
    for slots in slot_ranges(span.start_ns for span in outer):
        yield from read_by_output(connection, project, slots, outputs)


def _with_keys(
    connection: Connection, project: int, keys: Sequence[str], within_ns: tuple[int, int], apart_ns: int
) -> Iterator[PartnerSpan]:
    """Yield the stored spans with one of these keys that start within the times, extended by `apart_ns`."""
    times = within_ns[0] - apart_ns, within_ns[1] + apart_ns
    for at in range(0, len(keys), _KEYS_A_STATEMENT):
        yield from read_by_partner_key(connection, project, keys[at : at + _KEYS_A_STATEMENT], times)


def _starts(spans: Sequence[SpanRow | Skeleton]) -> tuple[int, int]:
    """Return the first and the last start."""
    starts = [span.start_ns for span in spans]
    return min(starts), max(starts)


def _response_ends(calls: Iterable[SpanRow | Skeleton]) -> dict[int, list[str]]:
    """Return the ends of response ids by each slot in which a partner may start."""
    ends: dict[int, list[str]] = {}
    for call in calls:
        if call.provider_request_id is not None:
            for slot in slots_of(call.start_ns):
                ends.setdefault(slot, []).append(call.provider_request_id[-RESPONSE_ID_CHARS:])
    return ends


def _are_apart(spans: Sequence[SpanRow | Skeleton]) -> bool:
    """Return True if no two of these spans can be partners, which holds for nearly all batches."""
    ids = [span.provider_request_id for span in spans if span.provider_request_id is not None]
    return len(ids) == len(set(ids)) and all(span.partner_key is None for span in spans)
