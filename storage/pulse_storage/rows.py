"""The rows that travel between the collector, the store and the query API.

`SpanRow` is what one span says of itself; the store adds what only other spans can tell (`TraceRecord`).
Both are named tuples rather than frozen dataclasses: a row of this width is built three times faster
and is bound to SQL as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from uuid import UUID

from pulse_storage.content.documents import Packed

Status = Literal["success", "error"]
#: Begins the `price_version` of a call without a cost for which the list price does not hold.
UNLISTED_PREFIX = "unpriced: "
#: The reason where the call is billed by a term, such as a service tier, for which no price is known.
BILLED_BY_PREFIX = UNLISTED_PREFIX + "billed by "
#: The reason where several models answered one call, so that no single price holds, custom ones included.
SEVERAL_MODELS_PREFIX = BILLED_BY_PREFIX + "several models"

CostSource = Literal["reported", "computed"]
UsageSource = Literal["reported", "estimated"]

#: Characters of text that a row keeps beside its bodies, so that lists and searches need no body.
PREVIEW_CHARS = 500

#: The dialect of rows that came through `POST /v1/traces/batch`; their visible id is the client's UUID.
BATCH_DIALECT = "pulse-batch"

#: The dialect of the Anthropic client's own spans, which often repeat what an instrumentor records.
ANTHROPIC_SDK_DIALECT = "anthropic-sdk"

#: The dialect of OpenInference, which has one attribute for the model requested and the one that answered.
OPENINFERENCE_DIALECT = "openinference"


class UnfitValue(ValueError):
    """A row has a value that no store can hold: the row is rejected, the others are stored."""


class SpanRow(NamedTuple):
    """One span as it speaks of itself. Unknown is None, never zero and never an empty string.

    Every count is in the one form of Pulse: `input_tokens` includes cache reads and writes, audio and images,
    `output_tokens` includes reasoning, audio and images.
    """

    project_id: str
    #: 16 and 8 bytes, never all zero; a root has no parent.
    otel_trace_id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    #: Unix time in nanoseconds, within int64.
    start_ns: int
    latency_ms: float | None
    #: True if the span is one call of a model (chat, text_completion, generate_content, embeddings and
    #: their like): only such rows may be counted.
    model_call: bool
    #: False for a span that no gen-ai dialect knows: it is kept only beside gen-ai spans of its trace, or if
    #: it names a session, user or tags.
    gen_ai: bool
    #: `gen_ai.operation.name`, or None for spans that are not gen-ai.
    operation: str | None
    name: str
    provider: str | None
    model_requested: str | None
    model_used: str | None
    provider_request_id: str | None
    dialect: str | None
    #: Name of the instrumentation scope: one scope never records the same call twice.
    scope: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    #: The part of the cache writes that lives an hour, which costs more.
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    input_image_tokens: int | None
    output_audio_tokens: int | None
    output_image_tokens: int | None
    usage_source: UsageSource | None
    cost_nano_usd: int | None
    cost_source: CostSource | None
    price_version: str | None
    #: What the span itself says that it cost, whatever its row shows as its cost. An estimate is what its
    #: sender worked out from a price list of its own, and yields to our prices. At most one of them is set.
    reported_cost_nano_usd: int | None
    estimated_cost_nano_usd: int | None
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
    release: str | None
    #: The last user message and the first choice's text, cut to PREVIEW_CHARS.
    input_preview: str | None
    output_preview: str | None
    #: JSON object of what no column holds, with resource and scope.
    metadata: str | None
    #: Only where the text is longer than its preview; packed (`bodies.pack`).
    output_text: bytes | None
    #: JSON documents, packed (`content.documents.pack_document`, `bodies.pack`).
    request_body: Packed | None
    response_body: Packed | None
    #: By this, spans of *different* traces that record the same call find each other where one has no
    #: response id (`partner_keys`); None for the many that cannot have such a partner.
    partner_key: str | None


class TraceRecord(NamedTuple):
    """One stored row as readers see it: the span's facts, completed by what other spans tell."""

    #: The visible id: the row id, or the client's own UUID for rows of the batch route.
    trace_id: UUID
    project_id: str
    otel_trace_id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    start_ns: int
    latency_ms: float | None
    operation: str | None
    name: str
    provider: str | None
    model_requested: str | None
    model_used: str | None
    provider_request_id: str | None
    dialect: str | None
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
    service: str | None
    environment: str | None
    release: str | None
    input_preview: str | None
    output_preview: str | None
    #: JSON object.
    metadata: str | None
    tags: tuple[str, ...]
    #: The whole text, whatever its length; None when unknown or no longer kept.
    output_text: str | None
    #: Whether this row is the one that counts for its model call.
    counted: bool
    #: JSON documents; None when unknown, no longer kept, or not asked for.
    request_body: bytes | None
    response_body: bytes | None


class Column(NamedTuple):
    """The type of one field of a row."""

    #: bool, int, float, str, bytes, UUID or tuple (of texts).
    type: type
    nullable: bool


def columns_of(row: type[tuple[Any, ...]]) -> dict[str, Column]:
    """Return the columns of `SpanRow` or `TraceRecord` by name, in order, from the annotations.

    SQL types, COPY types, the JSON object of a row and its OpenAPI schema are derived from this.
    """
    return {name: _column(hint) for name, hint in get_type_hints(row).items()}


def _column(hint: Any) -> Column:
    options: set[Any] = set(get_args(hint)) if NoneType in get_args(hint) else {hint}
    [one, *_] = options - {NoneType}
    if get_origin(one) is Literal:
        one = str
    # Of the forms of a packed document only bytes is a column; tuple[str, ...] has tuple as its origin.
    return Column(bytes if bytes in options else get_origin(one) or one, NoneType in options)


#: What a project's name must match: 1 to 200 characters, no control characters, not blank.
PROJECT_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f]{1,200}")
PROJECT_NAME_RULE = "must be a text of 1 to 200 characters, not blank and without control characters"


class Project(NamedTuple):
    """A tenant: the owner of keys and of every row stored with them."""

    id: str
    name: str
    created_ns: int


class ProjectPrices(NamedTuple):
    """The prices that a project has of its own."""

    #: JSON, as `PriceDocument.text` writes it.
    document: str
    updated_ns: int


class ApiKey(NamedTuple):
    """A key as it is kept: only its digest can recognise it."""

    id: str
    project_id: str
    #: SHA-256 of the whole key, 32 bytes.
    digest: bytes
    #: The first characters and the last four, for people to tell keys apart.
    hint: str
    scopes: frozenset[str]
    created_ns: int
    last_used_ns: int | None
    expires_ns: int | None
    revoked_ns: int | None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """Counts of the rows of one `submit` call by outcome; the four add up to the rows given."""

    stored: int = 0
    #: Already stored, or contained twice in the same call.
    duplicates: int = 0
    #: Spans that are not gen-ai, without session, user and tags, of traces without a gen-ai span.
    left_out: int = 0
    #: (index into the rows given, reason) of each row that the store cannot hold.
    rejected: tuple[tuple[int, str], ...] = ()
