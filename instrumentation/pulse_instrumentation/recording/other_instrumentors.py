"""Detect calls that another instrumentor in this process records, and set the session on its spans."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from pulse_instrumentation import attributes as names
from pulse_instrumentation.session_facts import session_attributes

# The scopes of instrumentors of the same clients. Complete names: `openinference.instrumentation.openai`
# records the client, `openinference.instrumentation.openai_agents` a framework, whose spans are parents.
_CLIENTS = (
    "opentelemetry.instrumentation.openai",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.genai.openai",
    "opentelemetry.instrumentation.genai.anthropic",
    "openinference.instrumentation.openai",
    "openinference.instrumentation.anthropic",
    "openlit.otel.tracing",
    "openlit.instrumentation.openai",
    "openlit.instrumentation.anthropic",
    "logfire.openai",
    "logfire.anthropic",
)
# Instrumentors of frameworks, which may suppress Pulse's spans and set their attributes after the start.
_FRAMEWORKS = (
    *(
        "openinference.instrumentation",
        "openlit",
        "traceloop",
        "langsmith",
        "langfuse-sdk",
        "opentelemetry.util.genai",
    ),
    "opentelemetry.instrumentation.genai",
    *(
        f"opentelemetry.instrumentation.{library}"
        for library in ("langchain", "llamaindex", "haystack", "crewai", "agno", "openai_agents", "litellm")
    ),
)
_SUPPRESSIONS = (
    # The context keys of `suppress_instrumentation()`, the present one and the older one. Not imported from
    # the instrumentation package, because its import takes longer than that of all of Pulse.
    cast("str", getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", "")),
    "suppress_instrumentation",
    # Set by OpenLLMetry's instrumentors of frameworks while they call a client whose call they record.
    "suppress_language_model_instrumentation",
)
_MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
_KEYS = ("gen_ai.", "llm.", "openinference.", "traceloop.")


def is_suppressed(context: Context) -> bool:
    """Return whether `suppress_instrumentation()`, or OpenLLMetry's equivalent, is active in the context."""
    return any(map(context.get, _SUPPRESSIONS))


def recorded_elsewhere(context: Context) -> bool:
    """Return whether the current span of the context is another instrumentor's span of the same call."""
    span = trace.get_current_span(context)
    if not span.is_recording() or not _is_within(_scope(span), _CLIENTS):
        return False
    found = _attributes(span)
    return (
        found.get(names.OPERATION_NAME) in _MODEL_OPERATIONS
        or found.get("openinference.span.kind") == "LLM"
        or "gen_ai.system" in found
        or "llm.request.type" in found
    )


def share_session(span: Span, context: Context | None) -> None:
    """Set the session of the context on another instrumentor's span, without replacing its own attributes.

    The context is that in which the span was started, or that in which it is current.
    """
    session = session_attributes(context)
    if not session or not span.is_recording():
        return
    found = _attributes(span)
    scope = _scope(span)
    if not (_is_within(scope, _CLIENTS) or _is_within(scope, _FRAMEWORKS) or _has_model_keys(found)):
        return
    missing = {name: value for name, value in session.items() if name not in found}
    if names.SESSION_ID in found or names.CONVERSATION_ID in found:
        # Two names of the same id, so neither is set if the span has the other.
        missing.pop(names.SESSION_ID, None)
        missing.pop(names.CONVERSATION_ID, None)
    if missing:
        span.set_attributes(missing)


@lru_cache(maxsize=256)
def _is_within(scope: str, known: tuple[str, ...]) -> bool:
    """Return whether a scope is one of the names, or a name followed by a dot and more."""
    return any(scope == name or scope.startswith(f"{name}.") for name in known)


def _has_model_keys(attributes: Mapping[str, object]) -> bool:
    return any(name.startswith(_KEYS) for name in attributes)


def _scope(span: Span) -> str:
    name: object = getattr(getattr(span, "instrumentation_scope", None), "name", None)
    return name if isinstance(name, str) else ""


def _attributes(span: Span) -> Mapping[str, object]:
    found: object = getattr(span, "attributes", None)
    return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}
