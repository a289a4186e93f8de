"""Reads content of gen-ai span events, the form before content attributes."""

from __future__ import annotations

from pulse_collector.dialects.genai_attributes import COUNTS, FINISH_REASONS, TEXTS
from pulse_collector.facts.attributes import Attributes, AttributeValue, as_count
from pulse_collector.facts.content import Content, as_content, content_of
from pulse_collector.facts.event_messages import choice_message
from pulse_collector.facts.finish_reasons import finish_reasons
from pulse_collector.facts.json_text import Json, JsonObject, parse_object, to_json
from pulse_collector.facts.span_facts import Event, SpanFacts

#: Span events with content: the form before content attributes, which Strands still writes.
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_MESSAGE_KEYS = frozenset({"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"})
CHUNK_EVENT = "gen_ai.content.completion.chunk"
#: The event's name in the first versions of OpenLLMetry.
OLD_CHUNK_EVENT = "llm.content.completion.chunk"
#: Has all content of a call. Strands' newest versions write it as an event of the span itself.
_DETAILS_EVENT = "gen_ai.client.inference.operation.details"
CONTENT_EVENTS = frozenset(
    {
        *_MESSAGE_EVENTS,
        *("gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"),
        CHUNK_EVENT,
        OLD_CHUNK_EVENT,
        _DETAILS_EVENT,
        # An event of Claude Code whose attributes are all content.
        "tool.output",
    }
)


def read_first_event(facts: SpanFacts, name: str) -> None:
    """Set the time to the first token from the first event with this name."""
    first_ns = min((event.time_ns for event in facts.events if event.name == name), default=None)
    if first_ns is not None and first_ns >= facts.start_ns:
        facts.numbers["time_to_first_token_ms"] = (first_ns - facts.start_ns) / 1e6


def event_content(facts: SpanFacts) -> tuple[Content | None, Content | None]:
    messages: list[Json] = []
    answers: list[Json] = []
    for event in facts.events:
        if event.name in _MESSAGE_EVENTS:
            messages.append(_event_message(event.attributes, _MESSAGE_EVENTS[event.name]))
        elif event.name == "gen_ai.choice":
            answers.append(_event_message(event.attributes, "assistant"))
        elif event.name == "gen_ai.content.prompt":
            messages += _listed(event.attributes.get("gen_ai.prompt"), "user")
        elif event.name == "gen_ai.content.completion":
            answers += _listed(event.attributes.get("gen_ai.completion"), "assistant")
        elif is_details(event):
            messages += _listed(event.attributes.get("gen_ai.input.messages"), "user")
            answers += _listed(event.attributes.get("gen_ai.output.messages"), "assistant")
    return as_content(messages), as_content(answers)


def is_details(event: Event) -> bool:
    """Return whether an event has the content of a call, by its name or by its attributes."""
    return event.name == _DETAILS_EVENT or not _MESSAGE_KEYS.isdisjoint(event.attributes)


def details_event(facts: SpanFacts) -> Attributes | None:
    """Return the attributes of the event with the content of the call, and set unset facts from them."""
    event = next((event for event in reversed(facts.events) if is_details(event)), None)
    if event is None:
        return None
    details = event.attributes
    for column, keys in TEXTS.items():
        for key in keys:
            facts.fill(column, details.get(key))
    if not facts.counts:
        for column, keys in COUNTS.items():
            count = next((count for key in keys if (count := as_count(details.get(key))) is not None), None)
            if count is not None:
                facts.counts[column] = count
    for key in FINISH_REASONS:
        facts.finish_reasons = facts.finish_reasons or finish_reasons(details.get(key))
    return details


def _event_message(attributes: dict[str, AttributeValue], role: str) -> JsonObject:
    message: JsonObject = {"role": role}
    whole = parse_object(attributes.get("gen_ai.event.content"))
    if whole:
        # Azure's clients write the whole message or choice as one document.
        return {**message, **(choice_message(whole) if "message" in whole else whole)}
    for key, value in attributes.items():
        content = content_of(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
        message["content" if key == "message" else key] = content.value if content else to_json(value)
    inner = parse_object(attributes.get("message"))
    if inner:
        message.update(inner)
    return message


def _listed(value: AttributeValue, role: str) -> list[Json]:
    content = content_of(value)
    if content is None:
        return []
    if isinstance(content.value, list):
        return content.value
    if isinstance(value, str) and isinstance(content.value, dict) and "_raw" in content.value:
        return [{"role": role, "content": value}]
    return [content.value]
