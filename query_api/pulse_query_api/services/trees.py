"""Read trees: the columns of an OTel trace, and the row and the reason of one of its spans."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

import orjson

from pulse_query_api.compression import compressed
from pulse_query_api.services.tree_columns import tree_document
from pulse_query_api.services.tree_counting import NotCounted, reasons_not_counted
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.trees import Tree
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.rows import TraceRecord


@dataclass(frozen=True, slots=True)
class Encoded:
    """The encoded document of a tree."""

    #: None if the client has this version of the document.
    body: bytes | None
    headers: dict[str, str]
    next_cursor: str | None


async def encoded_tree(
    storage: StorageAdapter,
    project_id: str,
    otel_trace_id: bytes,
    cursor: str | None,
    *,
    if_none_match: str | None,
    accept_encoding: str | None,
) -> Encoded | None:
    """Return the document of a tree, or of a page of it; None if no span is stored.

    Reads, builds and compresses in threads. The ETag is a digest of the document: it changes with every row
    that changes the document. Raises InvalidCursor or StoreUnavailable.
    """
    tree = await storage.get_tree(project_id, otel_trace_id, cursor=cursor)
    if tree is None:
        return None
    not_counted = await _not_counted(storage, project_id, otel_trace_id, tree)
    return await asyncio.to_thread(_encoded, otel_trace_id, tree, not_counted, if_none_match, accept_encoding)


async def span_and_reason(
    storage: StorageAdapter, project_id: str, otel_trace_id: bytes, otel_span_id: bytes
) -> tuple[TraceRecord, NotCounted | None] | None:
    """Return the row of a span, and why it does not count; None for the reason if it counts or is no call.

    Returns None if the span is not stored.
    """
    row = await storage.get_span(project_id, otel_trace_id, otel_span_id)
    if row is None:
        return None
    if row.counted:
        return row, None
    inputs = await storage.reconcile_inputs(project_id, otel_trace_id, otel_span_id)
    key = otel_trace_id, otel_span_id
    if not any(span.key == key and span.model_call for span in inputs.spans):
        return row, None
    reasons = await asyncio.to_thread(reasons_not_counted, inputs, [key])
    return row, reasons[key]


async def _not_counted(
    storage: StorageAdapter, project_id: str, otel_trace_id: bytes, tree: Tree
) -> dict[SpanKey, NotCounted] | None:
    """Return why model calls of a tree do not count; None if the trace is too large to be examined."""
    spans = tree.spans
    flags = zip(spans.otel_span_id, spans.model_call, spans.counted, strict=True)
    keys = [(otel_trace_id, id) for id, model_call, counted in flags if model_call and not counted]
    if not keys:
        return {}
    inputs = await storage.reconcile_inputs(project_id, otel_trace_id)
    return await asyncio.to_thread(reasons_not_counted, inputs, keys) if inputs.whole else None


def _encoded(
    otel_trace_id: bytes,
    tree: Tree,
    not_counted: dict[SpanKey, NotCounted] | None,
    if_none_match: str | None,
    accept_encoding: str | None,
) -> Encoded:
    body = orjson.dumps(tree_document(otel_trace_id, tree, not_counted))
    # Weak: the same document has several encodings.
    etag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    if if_none_match is not None and _contains(if_none_match, etag):
        return Encoded(None, {"ETag": etag, "Vary": "Accept-Encoding"}, tree.next_cursor)
    sent, headers = compressed(body, accept_encoding)
    return Encoded(sent, {"ETag": etag, **headers}, tree.next_cursor)


def _contains(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match header has the ETag, by weak comparison (RFC 9110)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags
