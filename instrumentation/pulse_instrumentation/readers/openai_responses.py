"""Read the bodies of OpenAI's Responses API."""

from __future__ import annotations

from collections import deque

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps
from pulse_instrumentation.fields import Attributes, field, integer, items, number, pairs, text
from pulse_instrumentation.readers.errors import body_failure, failure_of
from pulse_instrumentation.readers.openai_chat import tool_definition
from pulse_instrumentation.readers.openai_responses_stream import ResponsesFold
from pulse_instrumentation.readers.operations import Body, Failure, Operation
from pulse_instrumentation.readers.tables import Table, non_empty_text, output_type, read, true_only
from pulse_instrumentation.readers.usage import USAGE, complete_usage

# The ids of the last background responses whose tokens this process has recorded.
_recorded_ids: deque[str] = deque(maxlen=1024)


def request_attributes(body: Body) -> Attributes:
    attributes = read(body, _REQUEST)
    attributes[names.OPENAI_API_TYPE] = "responses"
    return attributes


def response_attributes(response: object) -> Attributes:
    attributes = complete_usage(read(response, _RESPONSE))
    if (reason := finish_reason(response)) is not None:
        attributes[names.RESPONSE_FINISH_REASONS] = [reason]
    if field(response, "background") is True:
        _record_usage_once(attributes)
    return attributes


def _record_usage_once(attributes: Attributes) -> None:
    """Remove the usage of a background response whose usage this process has already recorded.

    Such a response can be streamed several times, and reports its tokens each time.
    """
    id = attributes.get(names.RESPONSE_ID)
    usage = [name for name in attributes if name.startswith("gen_ai.usage.")]
    if not isinstance(id, str) or not usage:
        return
    if id in _recorded_ids:
        for name in usage:
            del attributes[name]
    else:
        _recorded_ids.append(id)


def finish_reason(response: object) -> str | None:
    """Return the finish reason as chat completions name it; None for a response in progress."""
    status = field(response, "status")
    if status == "completed":
        output = items(field(response, "output"))
        calls = any(field(item, "type") in {"function_call", "custom_tool_call"} for item in output)
        return "tool_calls" if calls else "stop"
    if status == "incomplete":
        return text(field(field(response, "incomplete_details"), "reason")) or "incomplete"
    return "error" if status == "failed" else None


def failure(response: object) -> Failure | None:
    """Return the failure of a response that has HTTP status 200, for which the client raises nothing."""
    if field(response, "status") == "failed":
        return failure_of(field(response, "error"), "failed")
    return body_failure(response)


def request_content(body: Body, capture: Capture) -> Attributes:
    attributes: Attributes = {}
    if (instructions := text(body.get("instructions"))) is not None:
        attributes[names.SYSTEM_INSTRUCTIONS] = dumps([capture.text_part(instructions)])
    given = body.get("input")
    if isinstance(given, str):
        messages = [{"role": "user", "parts": [capture.text_part(given)]}]
    else:
        messages = _input_messages(given, capture)
    if messages:
        attributes[names.INPUT_MESSAGES] = dumps(messages)
    tools = [tool_definition(tool, capture) for tool in items(body.get("tools"))]
    if tools:
        attributes[names.TOOL_DEFINITIONS] = dumps(tools)
    return attributes


def response_content(response: object, capture: Capture) -> Attributes:
    parts: list[Part] = []
    for item in items(field(response, "output")):
        parts.extend(_item_parts(item, capture))
    if not parts:
        return {}
    message: Part = {"role": "assistant", "parts": parts}
    message["finish_reason"] = finish_reason(response)
    return {names.OUTPUT_MESSAGES: dumps([message])}


def _conversation(value: object) -> str | None:
    return text(value) or text(field(value, "id"))


def _format(value: object) -> str | None:
    return output_type(field(value, "format"))


_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "max_output_tokens": (names.REQUEST_MAX_TOKENS, integer),
    "temperature": (names.REQUEST_TEMPERATURE, number),
    "top_p": (names.REQUEST_TOP_P, number),
    "reasoning": {"effort": (names.REQUEST_REASONING_LEVEL, text)},
    "service_tier": (names.OPENAI_REQUEST_SERVICE_TIER, text),
    "previous_response_id": (names.REQUEST_PREVIOUS_RESPONSE_ID, text),
    "prompt": {"id": (names.PROMPT_NAME, text), "version": (names.PROMPT_VERSION, text)},
    "conversation": (names.CONVERSATION_ID, _conversation),
    "stream": (names.REQUEST_STREAM, true_only),
    "text": (names.OUTPUT_TYPE, _format),
}
_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, non_empty_text),
    "model": (names.RESPONSE_MODEL, non_empty_text),
    "service_tier": (names.OPENAI_RESPONSE_SERVICE_TIER, text),
    "provider": (names.OPENROUTER_PROVIDER, text),
    "usage": USAGE,
}


def _input_messages(given: object, capture: Capture) -> list[Part]:
    return [{"role": _role(item), "parts": _item_parts(item, capture)} for item in items(given)]


def _role(item: object) -> str:
    if role := text(field(item, "role")):
        return role
    kind = text(field(item, "type")) or ""
    if kind.endswith("_output"):
        return "tool"
    return "assistant" if kind in {"reasoning", "message"} or kind.endswith("_call") else "user"


def _item_parts(item: object, capture: Capture) -> list[Part]:
    kind = field(item, "type")
    # The type of an input message is optional.
    if kind == "message" or (kind is None and field(item, "role") is not None):
        content = field(item, "content")
        if isinstance(content, str):
            return [capture.text_part(content)]
        return [_content_part(part, capture) for part in items(content)]
    if kind == "function_call":
        return [_call(item, "arguments", capture)]
    if kind == "custom_tool_call":
        return [_call(item, "input", capture)]
    if kind in {"function_call_output", "custom_tool_call_output"}:
        return [capture.tool_response(field(item, "call_id"), field(item, "output"))]
    if kind == "reasoning":
        words = [*items(field(item, "summary")), *items(field(item, "content"))]
        return [capture.text_part(text(field(part, "text")) or "", "reasoning") for part in words]
    if isinstance(kind, str) and kind in _SERVER_TOOLS:
        return _server_tool(item, kind.removesuffix("_call"), capture)
    if kind in {"compaction", "compaction_summary"}:
        return [capture.compaction(field(item, "id"), None, field(item, "encrypted_content"))]
    if kind == "image_generation_call":
        return [capture.blob(field(item, "result"), None, "image")]
    return [capture.other(item)]


_SERVER_TOOLS = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"})
# The fields with the result of a tool, by the type of the item.
_ANSWERS = ("output", "outputs", "results", "error")


def _server_tool(item: object, kind: str, capture: Capture) -> list[Part]:
    """Return the parts for a call of a tool that the provider runs and for its result, from one item."""
    given = {name: value for name, value in pairs(item) if value is not None}
    id, name = given.get("id"), given.get("name")
    answers = [given[name] for name in _ANSWERS if given.get(name)]
    if kind == "mcp":
        arguments = given.get("arguments")
    else:
        arguments = {key: given[key] for key in given if key not in {"type", "id", "status", *_ANSWERS}}
    call = capture.server_tool_call(id, name or kind, kind, arguments)
    if (server := text(given.get("server_label"))) is not None:
        call["server_name"] = server
    return [call, *(capture.server_tool_response(id, kind, answer) for answer in answers)]


def _call(item: object, key: str, capture: Capture) -> Part:
    return capture.tool_call(field(item, "call_id"), field(item, "name"), field(item, key))


def _content_part(part: object, capture: Capture) -> Part:
    kind = field(part, "type")
    if kind in {"input_text", "output_text", "text"}:
        return capture.text_part(text(field(part, "text")) or "")
    if kind == "refusal":
        return capture.text_part(text(field(part, "refusal")) or "", "refusal")
    if kind == "input_image":
        if (file_id := field(part, "file_id")) is not None:
            return capture.file(file_id, "image")
        return capture.uri(field(part, "image_url"), "image")
    if kind == "input_file":
        if (data := text(field(part, "file_data"))) is not None:
            return capture.uri(data if data.startswith("data:") else f"data:;base64,{data}", "document")
        if (url := field(part, "file_url")) is not None:
            return capture.uri(url, "document")
        return capture.file(field(part, "file_id"), "document")
    if kind == "input_audio":
        audio = field(part, "input_audio")
        return capture.blob(field(audio, "data"), None, "audio")
    return capture.other(part)


RESPONSES = Operation(
    name="chat",
    request=request_attributes,
    response=response_attributes,
    request_content=request_content,
    response_content=response_content,
    failure=failure,
    fold=ResponsesFold,
)
