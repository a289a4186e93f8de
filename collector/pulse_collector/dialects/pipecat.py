"""Pipecat: conversations, turns and the services of a voice agent, with content under unprefixed names."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import content_of
from pulse_collector.facts.span_facts import SpanFacts

#: Operations by Pipecat's own operation name, or by the span's name.
_OPERATIONS = {
    "tts": "speech",
    "stt": "transcription",
    "llm": "chat",
    "conversation": "invoke_workflow",
    "turn": "invoke_agent",
    "llm_tool_call": "execute_tool",
    "llm_tool_result": "execute_tool",
    "llm_tool_call_result": "execute_tool",
    "tool_call": "execute_tool",
    "tool_result": "execute_tool",
    "function_call": "execute_tool",
    "llm_setup": "span",
    "setup": "span",
    "llm_request": "span",
    # A turn of a speech-to-speech model.
    "llm_response": "chat",
    "model_turn": "chat",
    "response": "chat",
}
_CALLS = frozenset({"chat", "speech", "transcription"})
_INPUTS = ("input", "context_messages", "text", "tool.arguments", "function_calls")
_OUTPUTS = ("output", "text_output", "transcript", "tool.result")
_SYSTEM = ("gen_ai.system_instructions", "system_instruction", "system")
_TOOLS = ("tools", "tools.definitions")


def read(facts: SpanFacts) -> None:
    """Set the operation by Pipecat's own name, and content."""
    attributes = facts.attributes
    named = attributes.get("gen_ai.operation.name")
    if not isinstance(named, str) or named not in ("chat", "text_completion"):
        operation = _OPERATIONS.get(named if isinstance(named, str) else facts.name)
        if operation is None and "tool.function_name" in attributes:
            operation = "execute_tool"
        if operation is not None:
            facts.operation, facts.model_call = operation, operation in _CALLS
    if facts.operation == "transcription":
        read_in_and_out(facts, (), ("transcript",))
    elif facts.operation == "chat":
        _read_chat(facts)
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)
    if attributes.get("tool.result_status") == "error":
        facts.failed = True


def _read_chat(facts: SpanFacts) -> None:
    attributes = facts.attributes

    def first(keys: tuple[str, ...]) -> str | None:
        return next((value for key in keys if isinstance(value := attributes.get(key), str)), None)

    messages = content_of(first(("input", "context_messages")))
    if messages is not None and isinstance(messages.value, list):
        set_messages(
            facts,
            messages=messages,
            system=content_of(first(_SYSTEM)),
            tools=content_of(first(_TOOLS)),
            answers=None,
        )


DIALECT = Dialect(
    name="pipecat",
    scopes=("pipecat",),
    texts={
        "session_id": ("gen_ai.conversation.id", "session.id", "conversation.id"),
        "user_id": ("user.id", "user_id"),
    },
    first_token_seconds=("metrics.ttfb",),
    content=(*_INPUTS, *_OUTPUTS, *_SYSTEM, *_TOOLS, "transcript.is_input"),
    read=read,
    extends=OTEL_GENAI,
)
