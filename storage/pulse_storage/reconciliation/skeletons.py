"""Define the skeleton of a span: the columns that `reconcile` reads."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

from pulse_storage.rows import CostSource, EventContent, SpanRow, Status, UsageSource

#: (OTel trace id, span id): names a span within a project.
SpanKey = tuple[bytes, bytes]

#: A value of a column that can be overridden.
OwnValue = str | int | float | bytes | tuple[str, ...] | None


#: Overrides that name the row or log-event content that supplies a body (16 bytes) instead of a value.
REFERENCES = ("output_from", "request_from", "response_from")


class Skeleton(NamedTuple):
    """The own values of one span, without the overrides of its stored row."""

    #: The row id (`ids.row_id`).
    id: bytes
    otel_trace_id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    start_ns: int
    latency_ms: float | None
    model_call: bool
    dialect: str | None
    scope: str | None
    partner_key: str | None
    provider: str | None
    model_requested: str | None
    model_used: str | None
    provider_request_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    input_image_tokens: int | None
    output_audio_tokens: int | None
    output_image_tokens: int | None
    usage_source: UsageSource | None
    service_tier: str | None
    cost_nano_usd: int | None
    cost_source: CostSource | None
    price_version: str | None
    status: Status
    error_type: str | None
    error_message: str | None
    finish_reason: str | None
    time_to_first_token_ms: float | None
    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]
    service: str | None
    environment: str | None
    input_preview: str | None
    output_preview: str | None
    has_output_text: bool
    has_request_body: bool
    has_response_body: bool

    @property
    def key(self) -> SpanKey:
        """The trace id and span id: unique within the project."""
        return self.otel_trace_id, self.otel_span_id

    @property
    def order(self) -> tuple[int, bytes, bytes]:
        """A sort key by start and ids: unique within the project, and independent of the order of arrival."""
        return self.start_ns, self.otel_trace_id, self.otel_span_id

    @property
    def end_ns(self) -> int:
        """The end in Unix nanoseconds; the start if the latency is unknown."""
        return self.start_ns + int((self.latency_ms or 0.0) * 1e6)


class ContentSkeleton(NamedTuple):
    """The columns that `reconcile` reads of a span's content from log events (`events.EventContent`)."""

    #: The id by which a row refers to this content (`output_from` and so on); 16 bytes.
    id: bytes
    otel_trace_id: bytes
    otel_span_id: bytes
    finish_reason: str | None
    input_preview: str | None
    output_preview: str | None
    has_output_text: bool
    has_request_body: bool
    has_response_body: bool

    @property
    def key(self) -> SpanKey:
        """The trace id and span id of the span: unique within the project."""
        return self.otel_trace_id, self.otel_span_id


def content_skeleton(id: bytes, key: SpanKey, content: EventContent) -> ContentSkeleton:
    """Return the skeleton of the content that the log events of a span have."""
    return ContentSkeleton(
        id,
        *key,
        content.finish_reason,
        content.input_preview,
        content.output_preview,
        content.output_text is not None,
        content.request_body is not None,
        content.response_body is not None,
    )


class ReconcileInputs(NamedTuple):
    """All stored spans and contents that affect the reconciliation of one trace."""

    #: The spans of the trace, and spans of other traces that may record the same calls.
    spans: list[Skeleton]
    #: The content that log events have for these spans.
    contents: list[ContentSkeleton]
    #: False for a trace that is too large to read as a whole: then `spans` has the requested span and its
    #: ancestors only.
    whole: bool


def skeleton(row: SpanRow, id: bytes) -> Skeleton:
    """Return the skeleton of a new row; `id` is its row id (`ids.row_id`)."""
    has = (row.output_text is not None, row.request_body is not None, row.response_body is not None)
    return Skeleton._make((id, *_skeleton_fields(row), *has))


_skeleton_fields = itemgetter(*(SpanRow._fields.index(field) for field in Skeleton._fields[1:-3]))

#: Columns that cannot be overridden.
_FIXED = {
    "id", "otel_trace_id", "otel_span_id", "parent_span_id", "start_ns", "model_call", "dialect", "scope",
    "partner_key", "service", "has_output_text", "has_request_body", "has_response_body",
}  # fmt: skip
#: Columns in which a row can differ from its span after reconciliation.
OVERRIDABLE = tuple(field for field in Skeleton._fields if field not in _FIXED)
