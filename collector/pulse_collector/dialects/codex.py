"""Codex CLI: one span for each event of a response's stream, the last of which has the tokens."""

from __future__ import annotations

from pulse_collector.dialects.coding_agents import usage_key
from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content
from pulse_collector.facts.span_facts import SpanFacts

#: The span of an event of a stream has this name, or that of the event; log events are made into spans.
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
    """Tell calls, turns and tools by name: most other spans are details of Codex itself."""
    if facts.name == _TURN or any(key.startswith(_TURN_USAGE) for key in facts.attributes):
        # Its tokens are the sum of the calls of the turn.
        facts.operation, facts.model_call = "invoke_agent", False
    elif facts.name in _CALLS and "output" in facts.counts:
        facts.operation, facts.model_call = "chat", True
        facts.fill("provider", "openai")
        facts.partner_key = usage_key("codex", facts, ("input", "output", "cache_read", "reasoning"))
    elif facts.operation == "chat" and "output" not in facts.counts:
        facts.operation, facts.model_call = None, False
    read_content(facts)
    read_in_and_out(facts, ("prompt", "arguments"), ("output",))


#: What its spans and its log events name alike.
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
        # The sum, under two names.
        "total": ("codex.usage.total_tokens", "tool_token_count", _TURN_USAGE + "total_tokens"),
    },
    content=("prompt", "arguments", "output"),
    extends=OTEL_GENAI,
)
DIALECT = Dialect(name="codex", scopes=_SCOPES, read=read, extends=TABLE)
