"""Merge the spans of one model call: choose the one that counts, and complete its row from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from pulse_storage.reconciliation.same_call import is_stream, is_stream_part
from pulse_storage.reconciliation.skeletons import ContentSkeleton, OwnValue, Skeleton, SpanKey
from pulse_storage.rows import ANTHROPIC_SDK_DIALECT, BILLED_BY_PREFIX

#: Columns that the other spans of a call supply, each by itself, where the counted span has no value.
_SUPPLIED = (
    "provider",
    "model_requested",
    "model_used",
    "provider_request_id",
    "service_tier",
    "finish_reason",
    "time_to_first_token_ms",
    "input_preview",
)
_INPUT_PARTS = (
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
)
_OUTPUT_PARTS = ("reasoning_tokens", "output_audio_tokens", "output_image_tokens")
#: Parts of the input and output tokens with a higher price than the rest of them.
_HIGHER_PRICED = ("cache_write_1h_tokens", "input_audio_tokens", "input_image_tokens", *_OUTPUT_PARTS[1:])


def with_content(span: Skeleton, content: ContentSkeleton) -> tuple[Skeleton, dict[str, OwnValue]]:
    """Return the span with content from its log events, and the overrides that its row has from them."""
    found: dict[str, OwnValue] = {}
    if span.finish_reason is None and content.finish_reason is not None:
        found["finish_reason"] = content.finish_reason
    if span.input_preview is None and content.input_preview is not None:
        found["input_preview"] = content.input_preview
    has_text = span.has_output_text
    if span.output_preview is None and content.output_preview is not None:
        found["output_preview"] = content.output_preview
        has_text = content.has_output_text
    completed = span._replace(
        has_output_text=has_text,
        has_request_body=span.has_request_body or content.has_request_body,
        has_response_body=span.has_response_body or content.has_response_body,
        **found,  # pyright: ignore[reportArgumentType]
    )
    if has_text and not span.has_output_text:
        found["output_from"] = content.id
    if completed.has_request_body and not span.has_request_body:
        found["request_from"] = content.id
    if completed.has_response_body and not span.has_response_body:
        found["response_from"] = content.id
    return completed, found


def merged_call(
    members: Sequence[Skeleton], outer: Set[SpanKey], supplied: Mapping[SpanKey, Mapping[str, OwnValue]]
) -> tuple[Skeleton, dict[str, OwnValue]]:
    """Return the span that counts for a call, and the overrides of its row.

    `outer` are the spans with another span of the call below them (`CallGroups.outer`). `supplied` are the
    overrides that each member has already, by which references to log-event content are resolved.
    """
    ranked = sorted(members, key=lambda span: _rank(span, outer))
    winner = ranked[0]
    others = ranked[1:]
    overrides: dict[str, OwnValue] = {}
    for column in _SUPPLIED:
        if getattr(winner, column) is None:
            value = next((v for o in others if (v := getattr(o, column)) is not None), None)
            if value is not None:
                overrides[column] = value
    overrides |= _usage(winner, ranked)
    overrides |= _content(winner, others, supplied)
    overrides |= _outcome(winner, others)
    overrides |= _stream_latency(winner, others)
    return winner, overrides


def _rank(span: Skeleton, outer: Set[SpanKey]) -> tuple[object, ...]:
    """Return the sort key of a span within its call: the span with the smallest key counts.

    First is the span that opens a stream, because only it has the start time of the call.
    """
    opens_stream = is_stream(span) and not is_stream_part(span)
    return (
        not opens_stream,
        span.dialect == ANTHROPIC_SDK_DIALECT,
        span.input_tokens is None and span.output_tokens is None,
        span.key in outer,
        span.provider_request_id is None,
        span.order,
    )


#: What each element of `_rank` means for the span with the smaller one; `pulse explain` prints it.
_RANKS = (
    "it contains the start time of the stream",
    "it is not the Anthropic client's own span",
    "it reports tokens",
    "it is the innermost span of the call",
    "it has the response id",
    "it started first",
)


def preference(winner: Skeleton, other: Skeleton, outer: Set[SpanKey]) -> str:
    """Return why `winner` counts and `other` does not: a clause about `winner` that starts with "it"."""
    pairs = zip(_rank(winner, outer), _rank(other, outer), strict=True)
    return next(_RANKS[index] for index, (lower, higher) in enumerate(pairs) if lower != higher)


def _usage(winner: Skeleton, ranked: Sequence[Skeleton]) -> dict[str, OwnValue]:
    """Return the overrides of tokens and cost, taken from the span with the most complete usage.

    Counts of two spans are never added. A part of the tokens (cached, audio …) is the highest count among the
    spans with the same total.
    """
    best = max(ranked, key=_usage_knowledge)
    facts: dict[str, OwnValue] = {
        "input_tokens": best.input_tokens,
        "output_tokens": best.output_tokens,
        "usage_source": best.usage_source,
        "cost_nano_usd": best.cost_nano_usd,
        "cost_source": best.cost_source,
        "price_version": best.price_version,
    }
    for columns, total in ((_INPUT_PARTS, "input_tokens"), (_OUTPUT_PARTS, "output_tokens")):
        agreeing = [span for span in ranked if getattr(span, total) == getattr(best, total)]
        for column in columns:
            facts[column] = max((v for s in agreeing if (v := getattr(s, column)) is not None), default=None)
    # A reported cost has priority over a computed one. The cost of a span that states a service tier, even if
    # unknown, has priority over one computed from the list price, which is wrong for that tier.
    reported = next((span for span in ranked if span.cost_source == "reported"), None)
    by_tier = next((s for s in ranked if (s.price_version or "").startswith(BILLED_BY_PREFIX)), None)
    priced = reported or by_tier or next((s for s in ranked if s.cost_nano_usd is not None), None)
    if priced is not None and (best.cost_nano_usd is None or priced is reported or priced is by_tier):
        facts["cost_nano_usd"] = priced.cost_nano_usd
        facts["cost_source"] = priced.cost_source
        facts["price_version"] = priced.price_version
    return {column: value for column, value in facts.items() if value != getattr(winner, column)}


def _usage_knowledge(span: Skeleton) -> tuple[int, int, int, bool]:
    known = (span.input_tokens is not None) + (span.output_tokens is not None)
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    higher_priced = sum(getattr(span, column) or 0 for column in _HIGHER_PRICED)
    return known, cached, higher_priced, span.dialect == ANTHROPIC_SDK_DIALECT


def _content(
    winner: Skeleton, others: Sequence[Skeleton], supplied: Mapping[SpanKey, Mapping[str, OwnValue]]
) -> dict[str, OwnValue]:
    """Return references to the rows that have the bodies and the output that the counted span lacks."""
    found: dict[str, OwnValue] = {}
    if not winner.has_request_body and (other := _first(others, "has_request_body")):
        found["request_from"] = supplied[other.key].get("request_from", other.id)
    if not winner.has_response_body and (other := _first(others, "has_response_body")):
        found["response_from"] = supplied[other.key].get("response_from", other.id)
    if winner.output_preview is None:
        other = next((span for span in others if span.output_preview is not None), None)
        if other is not None:
            found["output_preview"] = other.output_preview
            if other.has_output_text:
                found["output_from"] = supplied[other.key].get("output_from", other.id)
    return found


def _first(spans: Sequence[Skeleton], flag: str) -> Skeleton | None:
    return next((span for span in spans if getattr(span, flag)), None)


def _outcome(winner: Skeleton, others: Sequence[Skeleton]) -> dict[str, OwnValue]:
    """Return the overrides of status and error: a call has failed if any of its spans has."""
    failed = [span for span in (winner, *others) if span.status == "error"]
    if not failed:
        return {}
    found: dict[str, OwnValue] = {} if winner.status == "error" else {"status": "error"}
    for column in ("error_type", "error_message"):
        if getattr(winner, column) is None:
            value = next((v for span in failed if (v := getattr(span, column)) is not None), None)
            if value is not None:
                found[column] = value
    return found


def _stream_latency(winner: Skeleton, others: Sequence[Skeleton]) -> dict[str, OwnValue]:
    """Return the latency of a streamed call of two spans: from the first start to the last end."""
    if not is_stream(winner) or not others:
        return {}
    end_ns = max(span.end_ns for span in (winner, *others))
    return {"latency_ms": (end_ns - winner.start_ns) / 1e6}
