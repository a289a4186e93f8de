"""The rows that the collector, the store and the query API exchange.

`SpanRow` contains the values of one span; `TraceRecord` is a stored row, completed from other spans.
Named tuples, since a frozen dataclass of this width takes three times as long to create.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints
from uuid import UUID

from pulse_storage.content.documents import Packed

Status = Literal["success", "error"]
#: Prefix of the `price_version` of a call to which no known price applies; the reason follows.
UNLISTED_PREFIX = "unpriced: "
#: The call is billed by a term, such as a service tier, that has no known price.
BILLED_BY_PREFIX = UNLISTED_PREFIX + "billed by "
#: Several models answered one call: no single price applies, not even a custom one.
SEVERAL_MODELS_PREFIX = BILLED_BY_PREFIX + "several models"

CostSource = Literal["reported", "computed"]
UsageSource = Literal["reported", "estimated"]

#: Maximum length of a preview in characters: lists and searches read previews, not bodies.
PREVIEW_CHARS = 500

#: Dialect of rows from `POST /v1/traces/batch`; their visible id is the UUID that the client sent.
BATCH_DIALECT = "pulse-batch"

#: Dialect of the spans of the Anthropic client itself; often an instrumentor records the same call.
ANTHROPIC_SDK_DIALECT = "anthropic-sdk"

#: Dialect of OpenInference: one attribute contains either the requested model or the one that answered.
OPENINFERENCE_DIALECT = "openinference"


class UnfitValue(ValueError):
    """A row has a value that no store can represent; that row is rejected, other rows are stored."""


class SpanRow(NamedTuple):
    """The values of one span. Unknown is None, never zero and never an empty string.

    In every dialect `input_tokens` includes cache reads and writes, audio and images; `output_tokens`
    includes reasoning, audio and images.
    """

    project_id: str
    #: 16 and 8 bytes, never all zero; a root has no parent.
    otel_trace_id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    #: Unix time in nanoseconds, within int64.
    start_ns: int
    latency_ms: float | None
    #: True if the span is one call of a model (operation chat, text_completion, generate_content, embeddings
    #: and so on). Only such rows can be counted.
    model_call: bool
    #: False for a span of no gen-ai dialect: it is stored only if its trace has a gen-ai span, or if it has a
    #: session, user or tags.
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
    #: Part of `cache_write_tokens` with a lifetime of an hour, which has a higher price.
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    input_image_tokens: int | None
    output_audio_tokens: int | None
    output_image_tokens: int | None
    usage_source: UsageSource | None
    #: Tier of the provider that served the call, such as `priority` or `batch`, in lower case.
    service_tier: str | None
    cost_nano_usd: int | None
    cost_source: CostSource | None
    price_version: str | None
    #: Cost that the span itself contains, kept when `cost_nano_usd` comes from elsewhere. An estimate was
    #: computed by the sender from its own price list; Pulse prefers its own prices. At most one is set.
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
    #: JSON object of all attributes without a column, with resource and scope.
    metadata: str | None
    #: Set only if the text is longer than its preview; compressed (`content.bodies.pack`).
    output_text: bytes | None
    #: JSON documents, compressed (`content.documents.pack_document`, `content.bodies.pack`).
    request_body: Packed | None
    response_body: Packed | None
    #: Key by which spans of *different* traces that record the same call are found if one of them has no
    #: response id (`reconciliation.partner_keys`); None if the span cannot have such a partner.
    partner_key: str | None


#: A row whose columns are all unknown, as the start of `_replace`.
BLANK_ROW = SpanRow._make([None] * len(SpanRow._fields))._replace(tags=())


class TraceRecord(NamedTuple):
    """One stored row as readers get it: the values of its span, completed from others by reconciliation."""

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
    service: str | None
    environment: str | None
    release: str | None
    input_preview: str | None
    output_preview: str | None
    #: JSON object.
    metadata: str | None
    tags: tuple[str, ...]
    #: The whole text; None if it is unknown or has been deleted by retention.
    output_text: str | None
    #: True if this row counts for its model call.
    counted: bool
    #: JSON documents; None if unknown, deleted by retention, or not requested.
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
    """A tenant: owns API keys and all rows that were sent with them."""

    id: str
    name: str
    created_ns: int


class ProjectPrices(NamedTuple):
    """The custom prices of a project."""

    #: JSON as returned by `PriceDocument.text`.
    document: str
    updated_ns: int


class ApiKey(NamedTuple):
    """A stored API key; the key itself is not stored, only its digest."""

    id: str
    project_id: str
    #: SHA-256 of the whole key, 32 bytes.
    digest: bytes
    #: First and last four characters of the key, for display.
    hint: str
    scopes: frozenset[str]
    created_ns: int
    last_used_ns: int | None
    expires_ns: int | None
    revoked_ns: int | None


class SignInToken(NamedTuple):
    """A one-time token that begins a web session which reads all projects; only its digest is stored."""

    #: SHA-256 of the token, 32 bytes.
    digest: bytes
    #: True if the session also gets admin rights for a limited time.
    is_admin: bool
    expires_ns: int


class WebSession(NamedTuple):
    """The session of a browser: what it may read, and until when; only the digest of its secret is stored."""

    #: SHA-256 of the secret, 32 bytes.
    digest: bytes
    #: The keys that were given, as they are stored now: a key may have been revoked since.
    keys: tuple[ApiKey, ...]
    #: True if the session reads all projects because a sign-in token began it.
    reads_all: bool
    #: End of the admin rights; None if the session never had any.
    admin_until_ns: int | None
    #: Proves that the admin key was given (`pulse_web`): the session reads all projects while that key is the
    #: server's. None if it was not given.
    admin_proof: bytes | None
    created_ns: int
    expires_ns: int
    last_used_ns: int | None


class Outcome(Enum):
    """The outcome of a row or log event; a rejected one has a string with the reason instead."""

    STORED = 1
    DUPLICATE = 2
    LEFT_OUT = 3


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

    @classmethod
    def of(cls, outcomes: Sequence[Outcome | str]) -> IngestResult:
        """Return the counts of the outcomes of a call, in the order of its rows or log events."""
        return cls(
            stored=outcomes.count(Outcome.STORED),
            duplicates=outcomes.count(Outcome.DUPLICATE),
            left_out=outcomes.count(Outcome.LEFT_OUT),
            rejected=tuple((at, reason) for at, reason in enumerate(outcomes) if isinstance(reason, str)),
        )

    @classmethod
    def combined(cls, parts: Sequence[tuple[Sequence[int], IngestResult]]) -> IngestResult:
        """Return the sum of the results of parts of a call, each with the indexes of its rows in the call."""
        rejected = [(indexes[at], reason) for indexes, part in parts for at, reason in part.rejected]
        return cls(
            stored=sum(part.stored for _, part in parts),
            duplicates=sum(part.duplicates for _, part in parts),
            left_out=sum(part.left_out for _, part in parts),
            rejected=tuple(sorted(rejected)),
        )


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
