"""The JSON document of a tree: the spans of an OTel trace as columns, a fifth of the size of row objects."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from pulse_query_api.services.tree_counting import NotCounted
from pulse_storage.queries.trees import Tree
from pulse_storage.reconciliation.skeletons import SpanKey

#: Trees up to this many spans have the visible id of each row, 16 bytes that do not compress.
MAX_VISIBLE_IDS = 5_000
#: Sessions and users of a tree that are listed.
_MAX_NAMES = 100
T = TypeVar("T")

_BITS = bytes.maketrans(b"\0\1", b"01")


def tree_document(
    otel_trace_id: bytes, tree: Tree, not_counted: dict[SpanKey, NotCounted] | None
) -> dict[str, object]:
    """Return the JSON object of a tree. Every column has a value per span, in the order of starts.

    `not_counted` is None if the reasons are unknown: then the document has none. CPU-bound: some hundred
    milliseconds for 50,000 spans.
    """
    columns = tree.spans
    spans = len(columns.start_ns)
    index_of = {id: index for index, id in enumerate(columns.otel_span_id)}
    start_ns = columns.start_ns[0]
    starts_us = [(start - start_ns) // 1000 for start in columns.start_ns]
    return {
        "otel_trace_id": otel_trace_id.hex(),
        "spans": spans,
        "start_ns": str(start_ns),
        "parent": [-1 if parent is None else index_of.get(parent, -1) for parent in columns.parent_span_id],
        "start_us": [0, *(later - earlier for earlier, later in pairwise(starts_us))],
        "duration_us": _microseconds(columns.latency_ms),
        "operation": _coded(columns.operation),
        "name": _coded(columns.name),
        "provider": _coded(columns.provider),
        "model": _coded(columns.model),
        "service": _coded(columns.service),
        "status": _coded(columns.status),
        "error_type": _coded(columns.error_type),
        "error_message": _coded(columns.error_message),
        "input_tokens": _of_counted(columns.input_tokens, columns.counted),
        "cache_read_tokens": _of_counted(columns.cache_read_tokens, columns.counted),
        "output_tokens": _of_counted(columns.output_tokens, columns.counted),
        "cost_nano_usd": _of_counted(columns.cost_nano_usd, columns.counted),
        "cost_source": _coded(_of_counted(columns.cost_source, columns.counted)),
        "first_token_us": _microseconds(columns.time_to_first_token_ms),
        "model_call": _bits(columns.model_call),
        "counted": _bits(columns.counted),
        "not_counted": None if not_counted is None else _reasons(otel_trace_id, index_of, not_counted),
        **_outside_parents(tree, index_of),
        "session_ids": _names(columns.session_id),
        "user_ids": _names(columns.user_id),
        "next_cursor": tree.next_cursor,
        # Last, since they are random: the compressor adapts to them for all that follows.
        "ids": _base64(columns.otel_span_id),
        "trace_ids": _base64(columns.trace_id) if spans <= MAX_VISIBLE_IDS else None,
    }


def _outside_parents(tree: Tree, index_of: dict[bytes, int]) -> dict[str, object]:
    """Return the spans whose parents are not in this document, each with the parent's id."""
    missing: list[tuple[int, str]] = []
    others: list[tuple[int, str]] = []
    for index, parent in enumerate(tree.spans.parent_span_id):
        if parent is not None and parent not in index_of:
            (others if parent in tree.other_parents else missing).append((index, parent.hex()))
    return {"missing_parents": missing, "other_parents": others}


def _reasons(
    otel_trace_id: bytes, index_of: dict[bytes, int], not_counted: dict[SpanKey, NotCounted]
) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for (_, span_id), why in not_counted.items():
        counted_by = -1
        if why.counted is not None and why.counted[0] == otel_trace_id:
            counted_by = index_of.get(why.counted[1], -1)
        found.append({"span": index_of[span_id], "counted_by": counted_by, **why.as_json()})
    return found


def _of_counted(column: Iterable[T], counted: Iterable[bool]) -> list[T | None]:
    """Return the values of counted rows, None for other rows: sums of a column contain no call twice."""
    return [value if counts else None for value, counts in zip(column, counted, strict=True)]


def _base64(ids: Sequence[bytes]) -> str:
    return base64.b64encode(b"".join(ids)).decode()


def _bits(flags: Sequence[bool]) -> str:
    return bytes(flags).translate(_BITS).decode()


def _microseconds(durations_ms: Iterable[float | None]) -> list[int | None]:
    return [None if duration is None else round(duration * 1000) for duration in durations_ms]


def _coded(column: Iterable[str | None]) -> dict[str, object]:
    """Return the distinct values of a column, and for each span the index of its value."""
    places: dict[str | None, int] = {}
    at = [places.setdefault(value, len(places)) for value in column]
    return {"values": list(places), "at": at}


def _names(column: Iterable[str | None]) -> list[str]:
    """Return the distinct known values of a column, in the order of their first span, up to a number."""
    return [name for name in dict.fromkeys(column) if name is not None][:_MAX_NAMES]
