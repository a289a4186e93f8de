"""Decide whether two spans can be, or are, records of the same model call, from what the two report."""

from __future__ import annotations

from pulse_storage.reconciliation.model_names import ModelName, may_be_same_model, model_name
from pulse_storage.reconciliation.partner_keys import PARTNER_START_NS, is_outer
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import OPENINFERENCE_DIALECT

#: Clocks of one process agree, but spans of one call need not nest to the nanosecond.
SLACK_NS = 50_000_000
#: A stream is read soon after it was opened.
GAP_NS = 5_000_000_000


def response_model(span: Skeleton) -> ModelName | None:
    """Return the model that answered; None if the span does not report it."""
    if not span.model_used:
        return None
    if span.dialect == OPENINFERENCE_DIALECT and span.model_used == span.model_requested:
        # OpenInference has one attribute for both, so this may be the requested name.
        return None
    return model_name(span.model_used)


def is_other_service(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans are known to be of different services."""
    return bool(one.service and other.service and one.service != other.service)


def is_failed_attempt(span: Skeleton) -> bool:
    """Return whether a span is of a request that brought no answer."""
    return span.status == "error" and not span.output_tokens


def overlap(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans, of which `one` starts first, overlap in time."""
    return other.start_ns <= one.end_ns + SLACK_NS


def is_within(inner: Skeleton, outer: Skeleton) -> bool:
    """Return whether one span lies within the other in time."""
    return inner.start_ns >= outer.start_ns - SLACK_NS and inner.end_ns <= outer.end_ns + SLACK_NS


def is_response_in_other_trace(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans of different traces with the same response id are of one call.

    Servers that are compatible with a provider's may repeat ids, so the id alone is not enough.
    """
    if one.otel_trace_id == other.otel_trace_id or not _start_together(one, other):
        return False
    if one.scope == other.scope and not (is_other_service(one, other) and _have_equal_usage(one, other)):
        return False
    return (is_within(other, one) or is_within(one, other)) and not _usage_contradicts(one, other)


def is_call_without_id(
    one: Skeleton, other: Skeleton, *, have_partner_keys: bool = False, have_same_counts: bool = False
) -> bool:
    """Return whether two spans, neither above the other, are of one call although an id is missing.

    If they have partner keys with the same fact, they are unless something contradicts. `have_same_counts`:
    the fact is made of the senders' own counts, of which the tokens of one may lack a part.
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
    """Return whether a client's span lies within a framework's of an answered stream, both without usage."""
    if one.output_tokens is not None or other.output_tokens is not None or one.status == "error":
        return False
    inner, outer = (other, one) if is_outer(one.partner_key) else (one, other)
    known = inner.model_requested is not None and outer.model_requested is not None
    return known and is_outer(outer.partner_key) and is_within(inner, outer)


def _is_read_later(first: Skeleton, second: Skeleton) -> bool:
    """Return whether the first may be a framework's span of a stream: it ends before the request is sent."""
    if not is_outer(first.partner_key) or not 0 <= second.start_ns - first.end_ns <= GAP_NS:
        return False
    return first.input_preview is None or second.input_preview in (None, first.input_preview)


def _start_together(one: Skeleton, other: Skeleton) -> bool:
    return abs(one.start_ns - other.start_ns) <= PARTNER_START_NS


def _have_equal_usage(one: Skeleton, other: Skeleton) -> bool:
    known = one.input_tokens is not None and one.output_tokens is not None
    return known and (one.input_tokens, one.output_tokens) == (other.input_tokens, other.output_tokens)


def _usage_contradicts(one: Skeleton, other: Skeleton) -> bool:
    """Return whether both numbers differ; one may, since not all instrumentations count what was cached."""
    return (
        None not in (one.input_tokens, other.input_tokens, one.output_tokens, other.output_tokens)
        and one.input_tokens != other.input_tokens
        and one.output_tokens != other.output_tokens
    )


def _inputs_agree(one: Skeleton, other: Skeleton) -> bool:
    """Some frameworks report 0 for the input of a stream."""
    return not one.input_tokens or not other.input_tokens or one.input_tokens == other.input_tokens


def _requested_agree(one: Skeleton, other: Skeleton) -> bool:
    if not one.model_requested or not other.model_requested:
        return True
    return may_be_same_model(model_name(one.model_requested), model_name(other.model_requested))
