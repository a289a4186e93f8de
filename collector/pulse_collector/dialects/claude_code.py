"""Claude Code: interactions, model requests and tools, with Anthropic's counts under unprefixed names."""

from __future__ import annotations

from pulse_collector.dialects.coding_agents import usage_key
from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import as_content, content_of, document_body, plain_text
from pulse_collector.facts.json_text import Json
from pulse_collector.facts.span_facts import SpanFacts

_OPERATIONS = {
    "claude_code.interaction": "invoke_agent",
    "claude_code.llm_request": "chat",
    # Spans that were converted from log events.
    "claude_code.api_request": "chat",
    "claude_code.api_error": "chat",
    "claude_code.tool": "execute_tool",
    "claude_code.tool.blocked_on_user": "span",
    "claude_code.tool.execution": "span",
    "claude_code.hook": "span",
}
_INPUTS = ("user_prompt", "new_context", "tool_input", "full_command", "file_path")
_OUTPUTS = ("response.model_output", "tool_output")
#: The event with a tool's output, if the sender records content.
_TOOL_OUTPUT = "tool.output"


def read(facts: SpanFacts) -> None:
    """Set the operation from the span's name, and content if the sender records it."""
    attributes = facts.attributes
    operation = _OPERATIONS.get(facts.name)
    if operation is not None:
        facts.operation, facts.model_call = operation, operation == "chat"
    if facts.model_call:
        facts.fill("provider", "anthropic")
        facts.fill("error_message", attributes.get("error"))
        facts.failed = facts.failed or attributes.get("success") in (False, "false")
        facts.partner_key = usage_key("claude_code", facts, ("input", "output", "cache_read", "cache_write"))
        system = content_of(attributes.get("system_prompt") or attributes.get("user_system_prompt"))
        request = plain_text(attributes.get("new_context"))
        if system is not None and request is not None:
            messages = as_content([{"role": "user", "content": request}])
            set_messages(facts, messages=messages, answers=None, system=system)
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)
    if facts.operation == "execute_tool" and facts.response is None:
        _read_tool_output(facts)


def _read_tool_output(facts: SpanFacts) -> None:
    for event in facts.events:
        if event.name == _TOOL_OUTPUT and event.attributes:
            members: list[Json] = [
                text for value in event.attributes.values() if (text := plain_text(value)) is not None
            ]
            output = as_content(members)
            if output is not None:
                facts.response = document_body(output, "result")
                facts.output_text = facts.output_text or "\n".join(map(str, members))
            return


#: The attributes that spans and log events have in common.
TABLE = Dialect(
    name="claude-code",
    texts={
        "model_requested": ("gen_ai.request.model", "model"),
        # The request id from a header of the response: the same in spans and log events.
        "provider_request_id": ("request_id", "gen_ai.response.id"),
        "session_id": ("session.id",),
        "user_id": ("user.id", "user.account_uuid", "user.email"),
    },
    counts={
        "input": ("input_tokens",),
        "output": ("output_tokens",),
        "cache_read": ("cache_read_tokens",),
        "cache_write": ("cache_creation_tokens",),
    },
    first_token_ms=("ttft_ms",),
    cost_usd=("cost_usd",),
    finish_reasons=("gen_ai.response.finish_reasons", "stop_reason"),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "system_prompt",
        "user_system_prompt",
        "system_prompt_preview",
        "tools",
        "new_context_message_count",
        "error",
        "prompt",
    ),
    input_excludes_cache=frozenset({"anthropic", "bedrock", "vertex"}),
    # Claude Code computes the cost from its own price list.
    cost_is_estimate=True,
    extends=OTEL_GENAI,
)
DIALECT = Dialect(
    name="claude-code",
    scopes=("com.anthropic.claude_code",),
    read=read,
    input_excludes_cache=TABLE.input_excludes_cache,
    cost_is_estimate=True,
    extends=TABLE,
)
