"""Content of a span that arrives as log events (`gen_ai.*.message` and so on).

A store keeps the events as parts, calls the collector's `assemble` with all parts of a span, and completes
the row of the span with the result. Events and span may arrive in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

#: Maximum number of parts that are stored per span.
MAX_PARTS = 2_000


class EventPart(NamedTuple):
    """One log record that contains a part of the content of a span."""

    otel_trace_id: bytes
    otel_span_id: bytes
    #: Identifies the record, also when it is delivered again; 16 bytes.
    digest: bytes
    #: Sort key among the parts of a span: Unix time in nanoseconds, then rank among parts of the same time.
    order: tuple[int, int]
    name: str
    #: JSON object: the body of the record, or its attributes if they contain the content.
    document: bytes


class EventContent(NamedTuple):
    """Content assembled from the log events of a span; used for columns of `SpanRow` that are None."""

    input_preview: str | None
    output_preview: str | None
    output_text: bytes | None
    request_body: bytes | None
    response_body: bytes | None
    finish_reason: str | None


#: Returns the content of one span from all its stored parts; must not depend on their order.
Assemble: TypeAlias = Callable[[Sequence[EventPart]], EventContent]
