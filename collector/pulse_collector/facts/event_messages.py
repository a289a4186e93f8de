"""Converts events to messages: log records, and entries of a list in an attribute."""

from __future__ import annotations

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, JsonObject, parse_json, parse_object, to_json

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def choice_message(document: JsonObject) -> JsonObject:
    """Return a choice's `message`, with the choice's finish reason added.

    Google's instrumentations write the content directly into the choice, without `message`.
    """
    message = document.get("message")
    if isinstance(message, str):
        message = parse_object(message) or {"content": message}
    if not isinstance(message, dict):
        message = {key: document.get(key) for key in ("content", "parts")}
    answer: JsonObject = {"role": "assistant", **message}
    for key in ("finish_reason", "tool_calls"):
        if document.get(key) is not None:
            answer[key] = document[key]
    return {key: value for key, value in answer.items() if value is not None}


def messages_of_events(value: AttributeValue) -> tuple[list[Json], list[Json]]:
    """Return the input and output messages in a JSON list of events that have one message each.

    Pydantic AI's first version and Logfire write them: `{"event.name": "gen_ai.user.message", …}`.
    """
    parsed = parse_json(value) if isinstance(value, str) else to_json(value)
    messages: list[Json] = []
    answers: list[Json] = []
    for event in parsed if isinstance(parsed, list) else ():
        if not isinstance(event, dict):
            continue
        document: JsonObject = {
            key: one for key, one in event.items() if key not in ("event.name", "gen_ai.message.index")
        }
        name = event.get("event.name")
        if name == "gen_ai.choice":
            answers.append(choice_message(document))
        elif isinstance(name, str) and name in _ROLES:
            messages.append({"role": _ROLES[name], **document})
    return messages, answers
