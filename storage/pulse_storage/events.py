"""Content that comes as log events beside a span: the parts as they are sent, and what they come to.

What an event means is the collector's knowledge; a store keeps parts, has them assembled, and completes the
span's row with the result, whichever came first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

#: Parts of one span that are kept; no call has more messages.
MAX_PARTS = 2_000


class EventPart(NamedTuple):
    """One log record's share in the content of a span."""

    otel_trace_id: bytes
    otel_span_id: bytes
    #: Equal for the same record delivered twice; 16 bytes.
    digest: bytes
    #: Parts of a span stand in this order: Unix time in nanoseconds, then rank among those of one time.
    order: tuple[int, int]
    name: str
    #: JSON object: the record's body, or the attributes of an event that has its content there.
    document: bytes


class EventContent(NamedTuple):
    """What the events of a span say of it; fields as in `SpanRow`, for rows that lack them."""

    input_preview: str | None
    output_preview: str | None
    output_text: bytes | None
    request_body: bytes | None
    response_body: bytes | None
    finish_reason: str | None


#: Makes the content of one span of all its known parts; must not depend on their order.
Assemble: TypeAlias = Callable[[Sequence[EventPart]], EventContent]
