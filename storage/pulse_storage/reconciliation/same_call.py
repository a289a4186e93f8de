"""Compare two spans: decide whether they record the same model call."""

from __future__ import annotations

from pulse_storage.reconciliation.model_names import ModelName, may_be_same_model, model_name
from pulse_storage.reconciliation.partner_keys import PARTNER_START_NS, STREAM_PARTNER_PREFIX, is_outer
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import OPENINFERENCE_DIALECT

#: Tolerance for spans of one call that overlap or nest: their times differ by a few milliseconds.
SLACK_NS = 50_000_000
#: Longest time between the end of the span that opens a stream and the start of the span that reads it.
GAP_NS = 5_000_000_000


def response_model(span: Skeleton) -> ModelName | None:
    """Return the response model of a span; None if the span does not report it."""
    if not span.model_used:
        return None
    if span.dialect == OPENINFERENCE_DIALECT and span.model_used == span.model_requested:
        # OpenInference has one attribute for both, so this may be the requested name.
        return None
    return model_name(span.model_used)


def is_other_service(one: Skeleton, other: Skeleton) -> bool:
    """Return whether both spans have a service, and not the same one."""
    return bool(one.service and other.service and one.service != other.service)


def is_failed_attempt(span: Skeleton) -> bool:
    """Return whether a span has failed and reports no output tokens."""
    return span.status == "error" and not span.output_tokens


def is_stream(span: Skeleton) -> bool:
    """Return whether a span is one of the two spans that one scope records of a streamed call."""
    return (span.partner_key or "").startswith(STREAM_PARTNER_PREFIX)


def is_stream_part(span: Skeleton) -> bool:
    """Return whether a span of a stream is the second one, with the usage and the output."""
    return span.output_tokens is not None or span.output_preview is not None


def overlap(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans overlap in time; `one` must start first."""
    return other.start_ns <= one.end_ns + SLACK_NS


def is_within(inner: Skeleton, outer: Skeleton) -> bool:
    """Return whether `inner` starts and ends within the time of `outer`."""
    return inner.start_ns >= outer.start_ns - SLACK_NS and inner.end_ns <= outer.end_ns + SLACK_NS


def is_response_in_other_trace(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans with the same response id are of different traces and of one call.

    The id alone does not suffice: some servers with a compatible API repeat ids.
    """
    if one.otel_trace_id == other.otel_trace_id or not _start_together(one, other):
        return False
    if one.scope == other.scope and not (is_other_service(one, other) and _have_equal_usage(one, other)):
        return False
    return (is_within(other, one) or is_within(one, other)) and not _usage_contradicts(one, other)


def is_call_without_id(
    one: Skeleton, other: Skeleton, *, have_partner_keys: bool = False, have_same_counts: bool = False
) -> bool:
    """Return whether two spans, of which at least one lacks a response id, are of one call.

    Neither may be above the other. `have_partner_keys`: they have partner keys with the same fact, so content
    and models are not compared. `have_same_counts`: that fact contains the instrumentations' own counts, so
    tokens are not compared either (one of the spans may report a part of them only).
    """
    if one.provider_request_id is not None and other.provider_request_id is not None:
        return False
    if one.scope == other.scope or not _start_together(one, other):
        return False
    if is_failed_attempt(one) != is_failed_attempt(other):
        return False
    first, second = (one, other) if one.order <= other.order else (other, one)
    if not (_is_read_later(first, second) or is_within(other, one) or is_within(one, other)):
        return False
    if have_same_counts:
        return True
    if one.output_tokens is not None and other.output_tokens is not None:
        return one.output_tokens == other.output_tokens and _inputs_agree(one, other)
    if have_partner_keys:
        return True
    if one.input_preview is None or other.input_preview is None:
        return _is_framework_above(one, other) and _requested_agree(one, other)
    return one.input_preview == other.input_preview and _requested_agree(one, other)


def _is_framework_above(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two answered spans without usage are a framework's and, within its time, a client's."""
    if one.output_tokens is not None or other.output_tokens is not None or one.status == "error":
        return False
    inner, outer = (other, one) if is_outer(one.partner_key) else (one, other)
    known = inner.model_requested is not None and outer.model_requested is not None
    return known and is_outer(outer.partner_key) and is_within(inner, outer)


def _is_read_later(first: Skeleton, second: Skeleton) -> bool:
    """Return whether `first` may be a framework's span of a stream that ended before the request was sent."""
    if not is_outer(first.partner_key) or not 0 <= second.start_ns - first.end_ns <= GAP_NS:
        return False
    return first.input_preview is None or second.input_preview in (None, first.input_preview)


def _start_together(one: Skeleton, other: Skeleton) -> bool:
    return abs(one.start_ns - other.start_ns) <= PARTNER_START_NS


def _have_equal_usage(one: Skeleton, other: Skeleton) -> bool:
    known = one.input_tokens is not None and one.output_tokens is not None
    return known and (one.input_tokens, one.output_tokens) == (other.input_tokens, other.output_tokens)


def _usage_contradicts(one: Skeleton, other: Skeleton) -> bool:
    """Return whether both input and output tokens differ.

    One of them may differ for the same call: not all instrumentations count cached tokens.
    """
    return (
        None not in (one.input_tokens, other.input_tokens, one.output_tokens, other.output_tokens)
        and one.input_tokens != other.input_tokens
        and one.output_tokens != other.output_tokens
    )


def _inputs_agree(one: Skeleton, other: Skeleton) -> bool:
    """Return whether input tokens are equal or unknown; some frameworks report 0 if unknown."""
    return not one.input_tokens or not other.input_tokens or one.input_tokens == other.input_tokens


def _requested_agree(one: Skeleton, other: Skeleton) -> bool:
    if not one.model_requested or not other.model_requested:
        return True
    return may_be_same_model(model_name(one.model_requested), model_name(other.model_requested))
