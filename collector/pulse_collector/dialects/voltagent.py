"""VoltAgent: agents, model calls and tools, recognised by `span.type` and `entity.type`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

#: Operations by `span.type`. The agent's own span has none; `entity.type` is `agent` on all of its spans.
_KINDS = {
    "llm": "chat",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "subagent": "invoke_agent",
    "workflow": "invoke_workflow",
    "workflow-step": "task",
    "memory": "retrieval",
    "retriever": "retrieval",
    "embedding": "embeddings",
    "guardrail": "guardrail",
    "middleware": "span",
    "summary": "span",
}
_INPUTS = ("llm.messages", "agent.messages", "tool.arguments", "workflow.input", "input")
_OUTPUTS = ("llm.output", "tool.result", "workflow.output", "output")


def read(facts: SpanFacts) -> None:
    """Set the operation, and content."""
    attributes = facts.attributes
    kind = attributes.get("span.type")
    if not isinstance(kind, str):
        kind = attributes.get("entity.type")
    if isinstance(kind, str):
        facts.operation = _KINDS.get(kind, "span")
        facts.model_call = facts.operation in ("chat", "embeddings")
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


DIALECT = Dialect(
    name="voltagent",
    scopes=("voltagent-core", "voltagent", "@voltagent"),
    markers=("voltagent.", "agent.messages", "llm.messages"),
    texts={
        "provider": ("gen_ai.provider.name", "llm.provider", "ai.model.provider"),
        "model_requested": ("gen_ai.request.model", "llm.model", "ai.model.name"),
        "session_id": (
            "gen_ai.conversation.id",
            "session.id",
            "conversation.id",
            "voltagent.conversation_id",
        ),
        "user_id": ("user.id", "voltagent.user_id"),
    },
    counts={
        "input": ("llm.usage.prompt_tokens", "usage.prompt_tokens"),
        "output": ("llm.usage.completion_tokens", "usage.completion_tokens"),
        "total": ("llm.usage.total_tokens", "usage.total_tokens"),
        "cache_read": ("llm.usage.cached_tokens", "usage.cached_tokens", "usage.cached_input_tokens"),
        "reasoning": ("llm.usage.reasoning_tokens", "usage.reasoning_tokens"),
    },
    cost_usd=("usage.cost", "llm.usage.cost"),
    finish_reasons=("llm.finish_reason", "finish_reason", "ai.response.finish_reason"),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "span.type",
        "entity.type",
        "agent.instructions",
        "llm.tools",
        "prompt.template",
    ),
    read=read,
    extends=OTEL_GENAI,
)
