"""The dialects that the collector understands, and how to tell which one a span speaks.

A new dialect is one module with a `DIALECT`, and one line in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from pulse_collector.dialects import (
    agent_framework,
    anthropic_sdk,
    aws_sdk,
    braintrust,
    claude_code,
    cloudflare,
    codex,
    copilot_chat,
    dify,
    gemini_cli,
    genkit,
    google_adk,
    haystack,
    laminar,
    langchain4j,
    langfuse,
    langsmith,
    langwatch,
    litellm,
    livekit,
    logfire,
    logfire_agents,
    mastra,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    openrouter,
    otel_genai,
    pipecat,
    pydantic_ai,
    sentry,
    spring_ai,
    strands,
    traceloop,
    vercel_ai,
    voltagent,
)
from pulse_collector.dialects.dialect import Dialect, Table, compiled, is_read
from pulse_collector.dialects.operation_names import normal_name, spellings
from pulse_collector.facts.attributes import Attributes
from pulse_collector.facts.providers import is_framework
from pulse_collector.facts.span_facts import clean_text

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
    claude_code.DIALECT,
    codex.DIALECT,
    gemini_cli.DIALECT,
    copilot_chat.DIALECT,
    livekit.DIALECT,
    pipecat.DIALECT,
    mastra.DIALECT,
    voltagent.DIALECT,
    langwatch.DIALECT,
    braintrust.DIALECT,
    laminar.DIALECT,
    dify.DIALECT,
    spring_ai.DIALECT,
    langchain4j.DIALECT,
    openrouter.DIALECT,
    cloudflare.DIALECT,
    sentry.DIALECT,
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
        # Reads a stored answer again: it has the id and the usage of the call that made it.
        "fetch_response",
        *("search_memory", "create_memory", "update_memory", "upsert_memory", "delete_memory"),
        *("create_memory_store", "delete_memory_store"),
        "span",
        "event",
        "framework",
        "cached",
    }
)

#: Operations by all their spellings.
_OPERATIONS = spellings(MODEL_OPERATIONS | OTHER_OPERATIONS)

#: The operations of old spans that name a model but not what they are.
_MODEL_KEYS = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")
#: A span with a provider but no operation or model is a call only if it has one of these.
_CALL_KEYS = (
    *("gen_ai.usage.", "llm.usage.", "gen_ai.response.id"),
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion"),
)
#: Beginnings of keys that only spans of one operation have.
_BY_PREFIX = (
    ("gen_ai.tool.call.", "execute_tool"),
    ("gen_ai.rerank.", "rerank"),
    ("gen_ai.retrieval.", "retrieval"),
)


class CompiledDialect(NamedTuple):
    """A dialect, ready for use: its table is compiled."""

    dialect: Dialect
    table: Table


_SPOKEN = tuple(CompiledDialect(dialect, compiled(dialect)) for dialect in DIALECTS)
_BY_SCOPE = tuple((scope, spoken) for spoken in _SPOKEN for scope in spoken.dialect.scopes)
_BY_KIND = tuple((key, spoken) for spoken in _SPOKEN for key in spoken.dialect.kind_keys())
#: The attributes that name the kind of a span in any dialect.
KIND_KEYS = frozenset(key for key, _ in _BY_KIND)
#: Spans of other kinds, which have none of them, are recognised by one test however many dialects there are.
_KIND_KEYS = frozenset(key for key, _ in _BY_KIND)
_BY_MARKER = tuple(spoken for spoken in _SPOKEN if spoken.dialect.markers)
_DEFAULT = next(spoken for spoken in _SPOKEN if spoken.dialect is otel_genai.DIALECT)


@lru_cache(maxsize=1024)
def dialect_of_scope(scope: str) -> CompiledDialect | None:
    """The dialect that a scope's spans speak; None if the scope does not tell."""
    best: CompiledDialect | None = None
    length = 0
    for start, spoken in _BY_SCOPE:
        if len(start) > length and (scope == start or scope.startswith((start + ".", start + "/"))):
            best, length = spoken, len(start)
    return best


def dialect_of_attributes(attributes: Attributes) -> CompiledDialect:
    """Return the dialect of a span with an unknown scope, by its kind attribute, else by another marker."""
    for key, spoken in _BY_KIND:
        if key in attributes:
            return spoken
    return next((spoken for spoken, _ in marked(attributes, _DEFAULT)), _DEFAULT)


def marked(keys: Iterable[str], scoped: CompiledDialect) -> Iterator[tuple[CompiledDialect, list[str]]]:
    """Yield the dialects whose markers are among the keys of a span that `scoped` does not read.

    Each comes with the keys that it reads and neither `scoped` nor an earlier dialect does.
    """
    unread = [key for key in keys if not is_read(key, scoped.table)]
    own = scoped.dialect.line()
    for other in _BY_MARKER:
        if not unread:
            return
        if other.dialect in own:
            continue
        read = [key for key in unread if is_read(key, other.table)]
        if any(key.startswith(other.dialect.markers) for key in read):
            yield other, read
            unread = [key for key in unread if key not in read]


def dialect_named(name: str) -> CompiledDialect | None:
    """The dialect of a row's column `dialect`; None for one that comes from elsewhere."""
    return next((spoken for spoken in _SPOKEN if spoken.dialect.name == name), None)


def recognised_by(scope: str | None, attributes: Attributes) -> str:
    """Return in words by what the dialect of a span was chosen, and which others are read with it."""
    spoken = dialect_of_scope(scope) if scope else None
    chosen = dialect_of_attributes(attributes) if spoken is None else spoken
    also = [_marker(other, keys) for other, keys in marked(attributes, chosen)]
    if spoken is not None:
        by = f"its scope '{scope}'"
    elif (key := next((key for key, _ in _BY_KIND if key in attributes), None)) is not None:
        by = f"its attribute '{key}'"
    elif chosen is not _DEFAULT:
        by = _marker(*next(marked(attributes, _DEFAULT)))
    else:
        by = "neither its scope nor its attributes name another dialect"
    return "; and ".join((by, *also))


def _marker(spoken: CompiledDialect, keys: Sequence[str]) -> str:
    markers = spoken.dialect.markers
    return f"{spoken.dialect.name} by its attribute '{next(key for key in keys if key.startswith(markers))}'"


def operation_of(attributes: Attributes, dialect: Dialect) -> str | None:
    """What the span does, in the conventions' words; None if it has nothing to do with models."""
    if dialect.kind_wins and (kind := kind_of(attributes, dialect)):
        return kind
    named = attributes.get("gen_ai.operation.name")
    if isinstance(named, str) and named:
        return _OPERATIONS.get(named) or _OPERATIONS.get(normal_name(named)) or clean_text(named)
    if kind := kind_of(attributes, dialect):
        return kind
    if not _KIND_KEYS.isdisjoint(attributes):
        for key, spoken in _BY_KIND:
            if key in attributes and (kind := kind_of(attributes, spoken.dialect)):
                return kind
    for start, operation in _BY_PREFIX:
        if any(key.startswith(start) for key in attributes):
            return operation
    if any(key in attributes for key in _MODEL_KEYS):
        return "chat"
    # Frameworks put their own name there, on spans of every kind.
    system = attributes.get("gen_ai.system")
    if not isinstance(system, str) or is_framework(system):
        return None
    return "chat" if any(key.startswith(_CALL_KEYS) for key in attributes) else None


def kind_of(attributes: Attributes, dialect: Dialect) -> str | None:
    """Return the operation that the dialect's own kind attribute names; None without one."""
    for key in dialect.kind_keys():
        value = attributes.get(key)
        if isinstance(value, str) and (value := value.strip('"')):
            kinds = dialect.kinds
            return (
                kinds.get(value)
                or kinds.get(value.upper())
                or kinds.get(value.lower())
                or clean_text(value.lower())
            )
    return None
