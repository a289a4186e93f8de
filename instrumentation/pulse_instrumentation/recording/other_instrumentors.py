"""Other instrumentors in the same process: which calls they record, and our session on their spans."""

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

# Other instrumentors of these very clients, by complete names: `openinference.instrumentation.openai` is one,
# `openinference.instrumentation.openai_agents` is a framework's, whose spans are above the client's.
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
# Instrumentors of frameworks, which may suppress ours, and that set attributes only after the start.
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
    # What `suppress_instrumentation()` sets, in its present form and its older one. To import it from the
    # instrumentation package would cost more than all the rest of the recording.
    cast("str", getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", "")),
    "suppress_instrumentation",
    # Set by OpenLLMetry's framework instrumentors around clients whose calls they record themselves.
    "suppress_language_model_instrumentation",
)
_MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
_KEYS = ("gen_ai.", "llm.", "openinference.", "traceloop.")


def is_suppressed(context: Context) -> bool:
    """Whether nothing may be recorded in a context."""
    return any(map(context.get, _SUPPRESSIONS))


def recorded_elsewhere(context: Context) -> bool:
    """Whether another instrumentor of the same client has its span of this call open."""
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
    """Set the session of a context on a span of another instrumentor, where the span has none of its own.

    The context is the one in which the span was started, or in which it is the current one.
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
        # Two names of one id, which must not differ.
        missing.pop(names.SESSION_ID, None)
        missing.pop(names.CONVERSATION_ID, None)
    if missing:
        span.set_attributes(missing)


@lru_cache(maxsize=256)
def _is_within(scope: str, known: tuple[str, ...]) -> bool:
    """Whether a scope is one of these, or continues one after a dot."""
    return any(scope == name or scope.startswith(f"{name}.") for name in known)


def _has_model_keys(attributes: Mapping[str, object]) -> bool:
    return any(name.startswith(_KEYS) for name in attributes)


def _scope(span: Span) -> str:
    name: object = getattr(getattr(span, "instrumentation_scope", None), "name", None)
    return name if isinstance(name, str) else ""


def _attributes(span: Span) -> Mapping[str, object]:
    found: object = getattr(span, "attributes", None)
    return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}
