"""The dialects that the collector understands, and how to tell which one a span speaks.

A new dialect is one module with a `DIALECT`, and one line in `DIALECTS`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pulse_collector.dialects import (
    agent_framework,
    anthropic_sdk,
    aws_sdk,
    genkit,
    google_adk,
    haystack,
    langfuse,
    langsmith,
    litellm,
    logfire,
    logfire_agents,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    otel_genai,
    pydantic_ai,
    strands,
    traceloop,
    vercel_ai,
)
from pulse_collector.dialects.dialect import Dialect, Table, compiled
from pulse_collector.mapping.attributes import Attributes
from pulse_collector.mapping.providers import is_framework
from pulse_collector.mapping.span_facts import clean_text

#: Asked in this order where the scope does not tell.
DIALECTS: tuple[Dialect, ...] = (
    anthropic_sdk.DIALECT,
    openinference.DIALECT,
    langfuse.DIALECT,
    langsmith.DIALECT,
    vercel_ai.DIALECT,
    traceloop.DIALECT,
    openllmetry.DIALECT,
    mlflow.DIALECT,
    logfire.DIALECT,
    logfire_agents.DIALECT,
    pydantic_ai.DIALECT,
    openlit.DIALECT,
    litellm.DIALECT,
    strands.DIALECT,
    google_adk.DIALECT,
    genkit.DIALECT,
    haystack.DIALECT,
    agent_framework.DIALECT,
    aws_sdk.DIALECT,
    otel_genai.DIALECT,
)

#: Operations that are one call of a model: only they have tokens and a cost of their own.
MODEL_OPERATIONS = frozenset(
    {
        "chat",
        "text_completion",
        "generate_content",
        "embeddings",
        "rerank",
        "image_generation",
        "image_edit",
        "speech",
        "transcription",
        "translation",
        "moderation",
    }
)

#: Operations around model calls, which repeat the sums of what lies below them.
OTHER_OPERATIONS = frozenset(
    {
        "create_agent",
        "invoke_agent",
        "invoke_workflow",
        "workflow",
        "task",
        "execute_task",
        "agent_step",
        "plan",
        "chain",
        "execute_tool",
        "retrieval",
        "guardrail",
        "evaluator",
        "prompt",
        "parser",
        "span",
        "event",
        "framework",
    }
)

#: Operations by all their spellings.
_OPERATIONS = {
    **{operation: operation for operation in MODEL_OPERATIONS | OTHER_OPERATIONS},
    "completion": "text_completion",
    "text-completion": "text_completion",
    "embedding": "embeddings",
    "embed": "embeddings",
    # Semantic Kernel's.
    "chat.completions": "chat",
    "chat.streaming_completions": "chat",
    "text.completions": "text_completion",
    "text.streaming_completions": "text_completion",
    "image": "image_generation",
    "audio": "speech",
}

#: The operations of old spans that name a model but not what they are.
_MODEL_KEYS = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")


class Spoken(NamedTuple):
    """A dialect, ready for use: its table is compiled."""

    dialect: Dialect
    table: Table


_SPOKEN = tuple(Spoken(dialect, compiled(dialect)) for dialect in DIALECTS)
_BY_SCOPE = tuple((scope, spoken) for spoken in _SPOKEN for scope in spoken.dialect.scopes)
_BY_KIND = tuple((spoken.dialect.kind_key, spoken) for spoken in _SPOKEN if spoken.dialect.kind_key)
_DEFAULT = next(spoken for spoken in _SPOKEN if spoken.dialect is otel_genai.DIALECT)


@lru_cache(maxsize=1024)
def dialect_of_scope(scope: str) -> Spoken | None:
    """The dialect that a scope's spans speak; None if the scope does not tell."""
    best: Spoken | None = None
    length = 0
    for start, spoken in _BY_SCOPE:
        if len(start) > length and (scope == start or scope.startswith(start + ".")):
            best, length = spoken, len(start)
    return best


def dialect_of_attributes(attributes: Attributes) -> Spoken:
    """The dialect of a span whose scope is not known, by the attribute that says what it is."""
    for key, spoken in _BY_KIND:
        if key in attributes:
            return spoken
    return _DEFAULT


def dialect_named(name: str) -> Spoken | None:
    """The dialect of a row's column `dialect`; None for one that comes from elsewhere."""
    return next((spoken for spoken in _SPOKEN if spoken.dialect.name == name), None)


def recognised_by(scope: str | None, attributes: Attributes) -> str:
    """What tells the dialect of a span, in words."""
    spoken = dialect_of_scope(scope) if scope else None
    if spoken is not None:
        return f"its scope '{scope}'"
    for key, _ in _BY_KIND:
        if key in attributes:
            return f"its attribute '{key}'"
    return "neither its scope nor its attributes name another dialect"


def operation_of(attributes: Attributes, dialect: Dialect) -> str | None:
    """What the span does, in the conventions' words; None if it has nothing to do with models."""
    if dialect.kind_wins and (kind := _kind(attributes, dialect)):
        return kind
    named = attributes.get("gen_ai.operation.name")
    if isinstance(named, str) and named:
        return _OPERATIONS.get(named) or clean_text(named)
    if kind := _kind(attributes, dialect):
        return kind
    for _, spoken in _BY_KIND:
        if kind := _kind(attributes, spoken.dialect):
            return kind
    if any(key in attributes for key in _MODEL_KEYS):
        return "chat"
    # Frameworks put their own name there, on spans of every kind.
    system = attributes.get("gen_ai.system")
    return "chat" if isinstance(system, str) and not is_framework(system) else None


def _kind(attributes: Attributes, dialect: Dialect) -> str | None:
    if dialect.kind_key is None:
        return None
    value = attributes.get(dialect.kind_key)
    if not isinstance(value, str) or not value:
        return None
    value = value.strip('"')
    return dialect.kinds.get(value) or dialect.kinds.get(value.upper()) or clean_text(value.lower())
