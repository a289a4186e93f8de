"""Make the key by which a span finds one of the same call in another trace, where a response id is missing.

A framework's span is often no context for the client's below it, which then begins a trace, and of a stream
the framework does not know the response id. The Anthropic client records each call itself, often into another
trace than the instrumentor, which may not know the id either. Both spans know the tokens, or the question.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from pulse_collector.facts.span_facts import SpanFacts, clean_text
from pulse_collector.facts.usage import Usage
from pulse_storage.reconciliation.partner_keys import Side, output_fact, partner_key

#: Instrumentations of frameworks whose spans are no context for the client's; with all that continue them.
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
    """Return the partner key of a model call; None for the many that find their partner without it."""
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
    # Its client records the call itself, with the id.
    return "outer" if provider == "anthropic" and facts.counts else None


def _fact(facts: SpanFacts, usage: Usage) -> str | None:
    """Return what both spans of the call report: the output tokens or, if it failed, model and question."""
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
    """A failed call of Anthropic has no response id; the request's is in an attribute or in the message."""
    for key in ("anthropic.request.id", "pulse.request_id"):
        request_id = facts.attributes.get(key)
        if isinstance(request_id, str):
            return clean_text(f"anthropic:{request_id}")
    named = _REQUEST_ID.search(facts.texts.get("error_message", ""))
    return f"anthropic:{named[0]}" if named else None
