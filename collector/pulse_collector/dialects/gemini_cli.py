"""Gemini CLI: spans with its own operation names, log events with Google's counts."""

from __future__ import annotations

from pulse_collector.dialects.coding_agents import usage_key
from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_count
from pulse_collector.facts.span_facts import SpanFacts

_OPERATIONS = {
    "llm_call": "chat",
    "tool_call": "execute_tool",
    "schedule_tool_calls": "agent_step",
    "agent_call": "invoke_agent",
    "user_prompt": "invoke_agent",
    "system_prompt": "prompt",
}
#: Spans that were converted from log events.
_EVENTS = frozenset({"gemini_cli.api_response", "gemini_cli.api_error"})
_CALLS = frozenset({"chat", "generate_content"})
_INPUTS = ("request_text", "function_args")
_OUTPUTS = ("response_text",)


def read(facts: SpanFacts) -> None:
    """Set the operation by Gemini CLI's own name, and content."""
    is_event = facts.name in _EVENTS
    facts.operation = "chat" if is_event else _OPERATIONS.get(facts.operation or "", facts.operation)
    facts.model_call = facts.operation in _CALLS
    if facts.model_call:
        facts.fill("provider", "google")
        # Gemini CLI's spans have no other counts.
        facts.partner_key = usage_key("gemini_cli", facts, ("input", "output"))
        if is_event:
            _read_usage(facts)
    read_content(facts)
    read_in_and_out(facts, ("gen_ai.input.messages", *_INPUTS), ("gen_ai.output.messages", *_OUTPUTS))


def _read_usage(facts: SpanFacts) -> None:
    """Set Google's counts: thoughts are not part of the output, nor are tool results part of the input."""
    counts = facts.counts
    used_by_tools = as_count(facts.attributes.get("tool_token_count"))
    if "input" in counts:
        counts["input"] += used_by_tools or 0
    if "output" in counts:
        counts["output"] += counts.get("reasoning", 0)


#: The attributes that spans and log events have in common.
TABLE = Dialect(
    name="gemini-cli",
    texts={
        "model_requested": ("gen_ai.request.model", "model"),
        "session_id": ("gen_ai.conversation.id", "session.id"),
        "user_id": ("user.id", "user.email"),
    },
    counts={
        "input": ("gen_ai.usage.input_tokens", "input_token_count"),
        "output": ("gen_ai.usage.output_tokens", "output_token_count"),
        "cache_read": ("gen_ai.usage.cache_read.input_tokens", "cached_content_token_count"),
        "reasoning": ("gen_ai.usage.reasoning.output_tokens", "thoughts_token_count"),
        "total": ("gen_ai.usage.total_tokens", "total_token_count"),
    },
    finish_reasons=("gen_ai.response.finish_reasons", "finish_reasons"),
    content=(*_INPUTS, *_OUTPUTS, "prompt", "error"),
    extends=OTEL_GENAI,
)
DIALECT = Dialect(
    name="gemini-cli",
    scopes=("gemini-cli",),
    read=read,
    extends=TABLE,
)
