"""The dialects that the collector reads, and the choice of the dialect and the operation of a span.

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
from pulse_collector.dialects.dialect import Dialect, Table, compile_table, is_read
from pulse_collector.dialects.operation_names import normal_name, spellings
from pulse_collector.facts.attributes import Attributes
from pulse_collector.facts.providers import is_framework
from pulse_collector.facts.span_facts import clean_text

#: The order in which markers are compared for spans with an unknown scope.
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

#: Operations that are one call of a model: only they fill the columns of tokens and cost.
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

#: Operations around model calls: their spans repeat the sums of their child calls.
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
        # Reads a stored response again, with the id and the usage of the call that made it.
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

#: A span with one of these attributes and without an operation is a chat (older conventions).
_MODEL_KEYS = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")
#: A span with a provider but without operation and model is a call only if it has one of these.
_CALL_KEYS = (
    *("gen_ai.usage.", "llm.usage.", "gen_ai.response.id"),
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion"),
)
#: Prefixes of keys that only spans of one operation have.
_BY_PREFIX = (
    ("gen_ai.tool.call.", "execute_tool"),
    ("gen_ai.rerank.", "rerank"),
    ("gen_ai.retrieval.", "retrieval"),
)


class CompiledDialect(NamedTuple):
    """A dialect with its compiled table."""

    dialect: Dialect
    table: Table


_COMPILED = tuple(CompiledDialect(dialect, compile_table(dialect)) for dialect in DIALECTS)
_BY_SCOPE = tuple((scope, compiled) for compiled in _COMPILED for scope in compiled.dialect.scopes)
_BY_KIND = tuple((key, compiled) for compiled in _COMPILED for key in compiled.dialect.kind_keys())
#: The attributes that name the kind of a span in any dialect.
KIND_KEYS = frozenset(key for key, _ in _BY_KIND)
#: One set test excludes spans without any of these attributes, whatever the number of dialects.
_KIND_KEYS = frozenset(key for key, _ in _BY_KIND)
_BY_MARKER = tuple(compiled for compiled in _COMPILED if compiled.dialect.markers)
_DEFAULT = next(compiled for compiled in _COMPILED if compiled.dialect is otel_genai.DIALECT)


@lru_cache(maxsize=1024)
def dialect_of_scope(scope: str) -> CompiledDialect | None:
    """Return the dialect of a scope's spans; None for an unknown scope."""
    best: CompiledDialect | None = None
    length = 0
    for start, compiled in _BY_SCOPE:
        if len(start) > length and (scope == start or scope.startswith((start + ".", start + "/"))):
            best, length = compiled, len(start)
    return best


def dialect_of_attributes(attributes: Attributes) -> CompiledDialect:
    """Return the dialect of a span with an unknown scope, by its kind attribute, else by another marker."""
    for key, compiled in _BY_KIND:
        if key in attributes:
            return compiled
    return next((compiled for compiled, _ in marked(attributes, _DEFAULT)), _DEFAULT)


def marked(keys: Iterable[str], scoped: CompiledDialect) -> Iterator[tuple[CompiledDialect, list[str]]]:
    """Yield further dialects whose markers are among the keys that the dialect `scoped` does not read.

    Each comes with the keys that it reads and that neither `scoped` nor an earlier dialect does.
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
    """Return the dialect with this name, as in a row's column `dialect`; None for an unknown name."""
    return next((compiled for compiled in _COMPILED if compiled.dialect.name == name), None)


def recognised_by(scope: str | None, attributes: Attributes) -> str:
    """Explain in words why a dialect was chosen for a span, and which further dialects read it."""
    compiled = dialect_of_scope(scope) if scope else None
    chosen = dialect_of_attributes(attributes) if compiled is None else compiled
    also = [_marker(other, keys) for other, keys in marked(attributes, chosen)]
    if compiled is not None:
        by = f"its scope '{scope}'"
    elif (key := next((key for key, _ in _BY_KIND if key in attributes), None)) is not None:
        by = f"its attribute '{key}'"
    elif chosen is not _DEFAULT:
        by = _marker(*next(marked(attributes, _DEFAULT)))
    else:
        by = "neither its scope nor its attributes name another dialect"
    return "; and ".join((by, *also))


def _marker(compiled: CompiledDialect, keys: Sequence[str]) -> str:
    markers = compiled.dialect.markers
    return (
        f"{compiled.dialect.name} by its attribute '{next(key for key in keys if key.startswith(markers))}'"
    )


def operation_of(attributes: Attributes, dialect: Dialect) -> str | None:
    """Return the operation in the conventions' terms; None for a span that is not a gen-ai span."""
    if dialect.kind_wins and (kind := kind_of(attributes, dialect)):
        return kind
    named = attributes.get("gen_ai.operation.name")
    if isinstance(named, str) and named:
        return _OPERATIONS.get(named) or _OPERATIONS.get(normal_name(named)) or clean_text(named)
    if kind := kind_of(attributes, dialect):
        return kind
    if not _KIND_KEYS.isdisjoint(attributes):
        for key, compiled in _BY_KIND:
            if key in attributes and (kind := kind_of(attributes, compiled.dialect)):
                return kind
    for start, operation in _BY_PREFIX:
        if any(key.startswith(start) for key in attributes):
            return operation
    if any(key in attributes for key in _MODEL_KEYS):
        return "chat"
    # Frameworks write their own name into this attribute, on spans of every kind.
    system = attributes.get("gen_ai.system")
    if not isinstance(system, str) or is_framework(system):
        return None
    return "chat" if any(key.startswith(_CALL_KEYS) for key in attributes) else None


def kind_of(attributes: Attributes, dialect: Dialect) -> str | None:
    """Return the operation that the dialect's kind attribute names; None if the span lacks it."""
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
