"""GitHub Copilot in VS Code: the conventions, with its own names for session and first token."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

_INPUTS = ("copilot_chat.user_request", "copilot_chat.hook_input")
_OUTPUTS = ("copilot_chat.hook_output",)


def read(facts: SpanFacts) -> None:
    """Set content, and the user's input where there are no messages."""
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


DIALECT = Dialect(
    name="copilot-chat",
    scopes=("copilot-chat", "github.copilot"),
    markers=("copilot_chat.",),
    texts={
        "session_id": (
            "copilot_chat.chat_session_id",
            "copilot_chat.session_id",
            "gen_ai.conversation.id",
        )
    },
    first_token_ms=("copilot_chat.time_to_first_token",),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "copilot_chat.reasoning_content",
        "copilot_chat.prompt_context",
        "copilot_chat.prompt_instructions",
        "copilot_chat.markdown_content",
    ),
    read=read,
    extends=OTEL_GENAI,
)
