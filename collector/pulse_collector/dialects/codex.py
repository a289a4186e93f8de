"""Codex CLI: one span for each event of a streamed response; the last one has the tokens."""

from __future__ import annotations

from pulse_collector.dialects.coding_agents import usage_key
from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

#: Names of spans of a stream's events, and of spans that were converted from log events.
_CALLS = frozenset(
    {
        *("handle_responses", "completed", "response.completed"),
        *("codex.sse_event", "codex.websocket_event"),
    }
)
_TURN = "session_task.turn"
_SCOPES = (
    "codex_otel",
    "codex_cli_rs",
    "codex_exec",
    "codex_tui",
    "codex_app_server",
    "codex-app-server",
    "codex",
)
_TURN_USAGE = "codex.turn.token_usage."


def read(facts: SpanFacts) -> None:
    """Set the operation by the span's name; most other spans are internal steps of Codex."""
    if facts.name == _TURN or any(key.startswith(_TURN_USAGE) for key in facts.attributes):
        # The tokens of a turn are the sum of its calls.
        facts.operation, facts.model_call = "invoke_agent", False
    elif facts.name in _CALLS and "output" in facts.counts:
        facts.operation, facts.model_call = "chat", True
        facts.fill("provider", "openai")
        facts.partner_key = usage_key("codex", facts, ("input", "output", "cache_read", "reasoning"))
    elif facts.operation == "chat" and "output" not in facts.counts:
        facts.operation, facts.model_call = None, False
    read_content(facts)
    read_in_and_out(facts, ("prompt", "arguments"), ("output",))


#: The attributes that spans and log events have in common.
TABLE = Dialect(
    name="codex",
    texts={
        "model_requested": ("gen_ai.request.model", "model"),
        "session_id": ("conversation.id", "thread.id", "session.id"),
        "user_id": ("user.account_id", "user.email"),
        "environment": ("env",),
    },
    counts={
        "input": ("gen_ai.usage.input_tokens", "input_token_count", _TURN_USAGE + "input_tokens"),
        "output": ("gen_ai.usage.output_tokens", "output_token_count", _TURN_USAGE + "output_tokens"),
        "cache_read": (
            "gen_ai.usage.cache_read.input_tokens",
            "cached_token_count",
            _TURN_USAGE + "cached_input_tokens",
        ),
        "cache_write": (
            "gen_ai.usage.cache_write.input_tokens",
            "cache_write_token_count",
            _TURN_USAGE + "cache_write_input_tokens",
        ),
        "reasoning": (
            "codex.usage.reasoning_output_tokens",
            "reasoning_token_count",
            _TURN_USAGE + "reasoning_output_tokens",
        ),
        # The same total under two names.
        "total": ("codex.usage.total_tokens", "tool_token_count", _TURN_USAGE + "total_tokens"),
    },
    content=("prompt", "arguments", "output"),
    extends=OTEL_GENAI,
)
DIALECT = Dialect(name="codex", scopes=_SCOPES, read=read, extends=TABLE)
