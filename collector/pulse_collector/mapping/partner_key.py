"""Builds the key by which spans of the same call in two traces find each other without a response id.

The client's span is often not a child of the framework's span but begins its own trace, and for a stream the
framework does not know the response id. The Anthropic client records each call itself, often in another trace
than the instrumentor, which may lack the id too. Both spans have the tokens or the question.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from pulse_collector.facts.span_facts import SpanFacts, clean_text
from pulse_collector.facts.usage import Usage
from pulse_storage.reconciliation.partner_keys import Side, output_fact, partner_key

#: Scopes (prefixes) of frameworks whose spans are not parents of the client's spans.
_FRAMEWORK_SCOPES = (
    "openinference.instrumentation.langchain",
    "openinference.instrumentation.llama_index",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.llamaindex",
    "langsmith",
)
_OPERATIONS = frozenset({"chat", "text_completion", "generate_content"})
_STREAM_KEYS = ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming")
_REQUEST_ID = re.compile(r"req_\w+")


def partner_key_of(facts: SpanFacts, scope: str | None, provider: str | None, usage: Usage) -> str | None:
    """Return the partner key of a model call; None if the call needs none, which is usual."""
    if "provider_request_id" in facts.texts or facts.operation not in _OPERATIONS:
        return None
    if facts.failed and provider == "anthropic" and (key := _request_key(facts)) is not None:
        return key
    side = _side(facts, scope, provider)
    fact = None if side is None else _fact(facts, usage)
    return None if side is None or fact is None else partner_key(side, fact, facts.start_ns)


def _side(facts: SpanFacts, scope: str | None, provider: str | None) -> Side | None:
    if scope is not None and scope.startswith(_FRAMEWORK_SCOPES):
        return "outer"
    if not facts.is_root:
        return None
    if facts.failed or _is_stream(facts):
        return "inner"
    # The Anthropic client records the call too, with the response id.
    return "outer" if provider == "anthropic" and facts.counts else None


def _fact(facts: SpanFacts, usage: Usage) -> str | None:
    """Return a value that both spans have: the output tokens or, of a failed call, model and question."""
    if usage.output_tokens or not facts.failed:
        return output_fact(usage.output_tokens)
    model = facts.texts.get("model_requested")
    if model is None or facts.input_text is None:
        return None
    digest = blake2b(f"{model}\n{facts.input_text}".encode(errors="replace"), digest_size=8)
    return f"asked-{digest.hexdigest()}"


def _is_stream(facts: SpanFacts) -> bool:
    attributes = facts.attributes
    return "time_to_first_token_ms" in facts.numbers or any(
        attributes.get(key) is True for key in _STREAM_KEYS
    )


def _request_key(facts: SpanFacts) -> str | None:
    """Return the request id of a failed Anthropic call, from an attribute or from the error message."""
    for key in ("anthropic.request.id", "pulse.request_id"):
        request_id = facts.attributes.get(key)
        if isinstance(request_id, str):
            return clean_text(f"anthropic:{request_id}")
    named = _REQUEST_ID.search(facts.texts.get("error_message", ""))
    return f"anthropic:{named[0]}" if named else None
