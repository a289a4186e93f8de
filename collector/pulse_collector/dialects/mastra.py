"""Mastra: the conventions on model calls, and inputs and outputs under the name of each span's type."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.json_text import parse_object
from pulse_collector.facts.span_facts import SpanFacts

#: `model_generation` is a model call with all its steps; spans of steps and chunks are parts of it.
_KINDS = {
    "agent_run": "invoke_agent",
    "workflow_run": "invoke_workflow",
    "workflow_step": "task",
    "workflow_conditional": "task",
    "workflow_conditional_eval": "task",
    "workflow_parallel": "task",
    "workflow_loop": "task",
    "workflow_sleep": "task",
    "workflow_wait_event": "task",
    "processor_run": "chain",
    "scorer_run": "evaluator",
    "scorer_step": "evaluator",
    "model_generation": "chat",
    "llm_generation": "chat",
    "model_step": "agent_step",
    "model_inference": "agent_step",
    "model_chunk": "event",
    "llm_chunk": "event",
    "model_embedding": "embeddings",
    "embedding": "embeddings",
    "rag_embedding": "embeddings",
    "rag_vector_operation": "retrieval",
    "rag_action": "retrieval",
    "rerank": "rerank",
    "tool_call": "execute_tool",
    "mcp_tool_call": "execute_tool",
    "client_tool_call": "execute_tool",
    "provider_tool_call": "execute_tool",
    "memory_operation": "retrieval",
    "generic": "span",
}
_TYPES = tuple(_KINDS)
_INPUTS = tuple(f"mastra.{kind}.input" for kind in _TYPES)
_OUTPUTS = tuple(f"mastra.{kind}.output" for kind in _TYPES)
_METADATA = "mastra.metadata."


def read(facts: SpanFacts) -> None:
    """Set content, and the first token of a model call."""
    attributes = facts.attributes
    if facts.model_call:
        model = parse_object(attributes.get("mastra.metadata.modelMetadata"))
        facts.fill("provider", model.get("modelProvider"))
        facts.fill("model_requested", model.get("modelId"))
    read_content(facts)
    kind = attributes.get("mastra.span.type")
    read_in_and_out(facts, (f"mastra.{kind}.input", *_INPUTS), (f"mastra.{kind}.output", *_OUTPUTS))


DIALECT = Dialect(
    name="mastra",
    scopes=("@mastra", "mastra"),
    markers=("mastra.",),
    kind_key="mastra.span.type",
    kinds=_KINDS,
    # A step has the operation of its model call; only its type shows that it is not another call.
    kind_wins=True,
    texts={
        "session_id": (
            "gen_ai.conversation.id",
            "session.id",
            _METADATA + "sessionId",
            _METADATA + "threadId",
            _METADATA + "session_id",
            _METADATA + "thread_id",
        ),
        "user_id": ("user.id", _METADATA + "userId", _METADATA + "user_id", _METADATA + "resourceId"),
        "environment": (_METADATA + "environment",),
    },
    tags=("mastra.tags", _METADATA + "tags"),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "mastra.completion_start_time",
        # The provider's whole response and its headers.
        _METADATA + "body",
        _METADATA + "headers",
        _METADATA + "modelMetadata",
    ),
    custom_prefixes=(_METADATA,),
    read=read,
    extends=OTEL_GENAI,
)
