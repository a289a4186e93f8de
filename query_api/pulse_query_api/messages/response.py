"""Reads the response of a model call, and the output of any other span."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_query_api.messages.content import is_part
from pulse_query_api.messages.json_values import Json, JsonObject, first_text, nested, without
from pulse_query_api.messages.media import read_bare_media
from pulse_query_api.messages.message import Message, read_message
from pulse_query_api.messages.message_list import messages_in, read_messages
from pulse_query_api.messages.parts import Parts, Reading
from pulse_query_api.messages.tool_parts import add_result

#: Members with a list of answers or of messages, in order of preference.
_LISTS = ("choices", "candidates", "generations", "messages", "replies", "output", "outputs")
#: Members with one message or one text.
_SINGLE = (
    *("message", "output", "outputs", "content", "parts", "text", "completion", "combined_chunk_content"),
    *("response", "answer", "result"),
)
_FINISH = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")
#: Facts of a response that are columns of the row, and members in which responses repeat the request.
_ENVELOPE = frozenset(
    {
        "id",
        "object",
        "type",
        "role",
        "model",
        "created",
        "created_at",
        "completed_at",
        "status",
        "usage",
        "index",
    }
    | {
        "usage_metadata",
        "usageMetadata",
        "llm_output",
        "run",
        "system_fingerprint",
        "service_tier",
        "finish_reasons",
    }
    | {
        "stop_sequence",
        "stop_details",
        "responseId",
        "response_id",
        "modelVersion",
        "model_version",
        "createTime",
    }
    | {
        "instructions",
        "metadata",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "background",
    }
    | {
        "max_output_tokens",
        "max_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "text",
        "store",
    }
    | {
        "top_logprobs",
        "truncation",
        "billing",
        "safety_identifier",
        "provider",
        "obfuscation",
        "metrics",
        "logprobs",
    }
    | {
        "sdk_http_response",
        "sdkHttpResponse",
        "frequency_penalty",
        "presence_penalty",
        "prompt_cache_retention",
    }
    | {
        "total_duration",
        "load_duration",
        "prompt_eval_count",
        "prompt_eval_duration",
        "eval_count",
        "eval_duration",
    }
    | {"done", "additionalModelRequestFields", "warnings", *_FINISH}
)


def read_response(document: Json, reading: Reading) -> list[Message]:
    """Return the messages of a response; members that are neither content nor facts are a `json` part."""
    if not isinstance(document, dict):
        return read_messages(document if isinstance(document, list) else [document], "assistant", reading)
    name, messages = _read_known(document, reading)
    if name is None:
        if not without(document, _ENVELOPE):
            return []  # facts of the answer without its content
        parts = Parts(reading)
        parts.content(document) if document.keys() == {"_raw"} else parts.json(document)
        return [Message("assistant", parts)]
    others = without(document, _ENVELOPE | {name})
    if isinstance(document.get("text"), str) and name != "text":
        others["text"] = document["text"]
    if others and name not in ("", "data"):
        if messages:
            messages[-1].parts.extra(others)
        else:
            parts = Parts(reading)
            parts.extra(others)
            messages = [Message("assistant", parts)]
    return _with_finish(messages, document)


def read_tool_output(document: Json, id: str | None, name: str | None, reading: Reading) -> list[Message]:
    """Return the response of a span that runs a tool: one message with its result."""
    value = document
    if isinstance(document, dict) and len(document) == 1:
        value = next((document[key] for key in ("result", "output") if key in document), document)
    inner = value if isinstance(value, dict) else {}
    if any(isinstance(inner.get(key), dict) for key in ("data", "kwargs")):
        # A message of LangChain.
        return [read_message(inner, "tool", reading)]
    outer = Parts(reading)
    result = outer.nested()
    add_result(value, result)
    outer.tool_result(id, name, result)
    return [Message("tool", outer)]


def _read_known(document: JsonObject, reading: Reading) -> tuple[str | None, list[Message]]:
    """Return the member that was read, "" for the whole document, and its messages; None if none is known."""
    for name in _LISTS:
        listed = document.get(name)
        if isinstance(listed, list):
            return name, _read_answers(name, listed, reading)
    if "role" in document or document.get("type") == "message":
        return "", [read_message(document, "assistant", reading)]
    if _is_of_images(document.get("data")):
        return "data", [_read_images(document, reading)]
    for name in _SINGLE:
        value = document.get(name)
        if value is None or (name == "text" and not isinstance(value, str)):
            continue
        if name in ("content", "parts") and not isinstance(value, dict):
            return "", [read_message(document, "assistant", reading)]
        return name, _read_single(value, reading)
    if is_part(document) or document.keys() & {"kwargs"}:
        return "", read_messages([document], "assistant", reading)
    return None, []


def _read_answers(name: str, listed: Sequence[Json], reading: Reading) -> list[Message]:
    if name != "candidates":
        return read_messages([*listed], "assistant", reading)
    messages: list[Message] = []
    for candidate in listed:
        if not isinstance(candidate, dict) or not isinstance(candidate.get("content"), dict):
            messages.append(read_message(candidate, "assistant", reading))
            continue
        message = read_message(candidate["content"], "assistant", reading)
        finish = first_text(candidate, _FINISH)
        message.parts.extra(without(candidate, {*_FINISH, "content", "index", "finishMessage", "tokenCount"}))
        messages.append(message._replace(finish_reason=finish))
    return messages


def _read_single(value: Json, reading: Reading) -> list[Message]:
    if isinstance(value, dict):
        listed = messages_in(value)
        if listed is not None:
            return read_messages(listed, "assistant", reading)
        if value.keys().isdisjoint(("role", "content", "parts", "kwargs", "data", "message", "text")):
            parts = Parts(reading)
            parts.json(value)
            return [Message("assistant", parts)]
    return [read_message(value, "assistant", reading)]


def _is_of_images(data: Json) -> bool:
    return isinstance(data, list) and any(
        isinstance(item, dict) and not item.keys().isdisjoint(("b64_json", "url", "revised_prompt"))
        for item in data
    )


def _read_images(document: JsonObject, reading: Reading) -> Message:
    """Return the generated images as one message."""
    parts = Parts(reading)
    data = document["data"]
    for item in data if isinstance(data, list) else ():
        image = {"type": "image", **item} if isinstance(item, dict) else item
        if not read_bare_media(image, parts):
            parts.content(item)
    return Message("assistant", parts)


def _with_finish(messages: list[Message], document: JsonObject) -> list[Message]:
    """Set the finish reason of a response with one message, which may state it outside of the message."""
    if len(messages) != 1 or messages[0].finish_reason is not None:
        return messages
    reason = first_text(document, _FINISH)
    reasons = document.get("finish_reasons")
    reason = reason or first_text(nested(document, "incomplete_details"), ("reason",))
    if reason is None and isinstance(reasons, list) and len(reasons) == 1 and isinstance(reasons[0], str):
        reason = reasons[0]
    return [messages[0]._replace(finish_reason=reason)]
