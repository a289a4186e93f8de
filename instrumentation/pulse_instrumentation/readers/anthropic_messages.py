"""Read the bodies of Anthropic's Messages API."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps, modality
from pulse_instrumentation.fields import (
    Attributes,
    field,
    integer,
    items,
    number,
    text,
    texts,
)
from pulse_instrumentation.readers.anthropic_stream import MessageFold
from pulse_instrumentation.readers.anthropic_usage import USAGE, complete_usage
from pulse_instrumentation.readers.errors import body_failure
from pulse_instrumentation.readers.operations import Body, Operation
from pulse_instrumentation.readers.tables import Table, non_empty_text, output_type, read, true_only


def request_attributes(body: Body) -> Attributes:
    return read(body, _REQUEST)


def response_attributes(response: object) -> Attributes:
    """Return the attributes of a message or text completion, without content."""
    return complete_usage(read(response, _RESPONSE), field(response, "usage"))


_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "max_tokens": (names.REQUEST_MAX_TOKENS, integer),
    "max_tokens_to_sample": (names.REQUEST_MAX_TOKENS, integer),
    "temperature": (names.REQUEST_TEMPERATURE, number),
    "top_p": (names.REQUEST_TOP_P, number),
    "top_k": (names.REQUEST_TOP_K, number),
    "stop_sequences": (names.REQUEST_STOP_SEQUENCES, texts),
    "stream": (names.REQUEST_STREAM, true_only),
    "output_config": {
        "effort": (names.REQUEST_REASONING_LEVEL, text),
        "format": (names.OUTPUT_TYPE, output_type),
    },
    # The older field, before `output_config`.
    "output_format": (names.OUTPUT_TYPE, output_type),
    "service_tier": (names.ANTHROPIC_REQUEST_SERVICE_TIER, text),
    "speed": (names.ANTHROPIC_REQUEST_SPEED, text),
    "inference_geo": (names.ANTHROPIC_REQUEST_INFERENCE_GEO, text),
    "thinking": {"budget_tokens": (names.ANTHROPIC_THINKING_BUDGET, integer)},
}
_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, non_empty_text),
    "model": (names.RESPONSE_MODEL, non_empty_text),
    "stop_reason": (names.RESPONSE_FINISH_REASONS, texts),
    "usage": USAGE,
}


def request_content(body: Body, capture: Capture) -> Attributes:
    attributes: Attributes = {}
    system = _parts(body.get("system"), capture)
    if system:
        attributes[names.SYSTEM_INSTRUCTIONS] = dumps(system)
    messages = [
        {"role": text(field(item, "role")), "parts": _parts(field(item, "content"), capture)}
        for item in items(body.get("messages"))
    ]
    if messages:
        attributes[names.INPUT_MESSAGES] = dumps(messages)
    tools = [_tool_definition(tool, capture) for tool in items(body.get("tools"))]
    if tools:
        attributes[names.TOOL_DEFINITIONS] = dumps(tools)
    return attributes


def response_content(response: object, capture: Capture) -> Attributes:
    content = field(response, "content")
    if not items(content):
        return {}
    message: Part = {
        "role": text(field(response, "role")) or "assistant",
        "parts": _parts(content, capture),
        "finish_reason": text(field(response, "stop_reason")),
    }
    return {names.OUTPUT_MESSAGES: dumps([message])}


def _parts(content: object, capture: Capture) -> list[Part]:
    if isinstance(content, str):
        return [capture.text_part(content)]
    return [_part(block, capture) for block in items(content)]


def _part(block: object, capture: Capture) -> Part:
    kind = field(block, "type")
    if kind == "text":
        part = capture.text_part(text(field(block, "text")) or "")
        if capture.full and (citations := items(field(block, "citations"))):
            capture.put_value(part, "citations", citations)
        return part
    if kind == "thinking":
        return capture.text_part(text(field(block, "thinking")) or "", "reasoning")
    if kind == "redacted_thinking":
        # Encrypted, so it cannot be a `reasoning` part of the conventions, which has text.
        return {"type": "redacted_thinking", "size": len(text(field(block, "data")) or "")}
    if kind == "compaction":
        return capture.compaction(None, field(block, "content"), field(block, "encrypted_content"))
    if kind == "tool_use":
        return capture.tool_call(field(block, "id"), field(block, "name"), field(block, "input"))
    if kind == "tool_result":
        return _tool_result(block, capture)
    if kind in {"image", "document"}:
        return _media(block, str(kind), capture)
    if isinstance(kind, str) and kind.endswith("_tool_use"):
        name = field(block, "name")
        call = capture.server_tool_call(
            field(block, "id"), name, "mcp" if kind == "mcp_tool_use" else name, field(block, "input")
        )
        if (server := text(field(block, "server_name"))) is not None:
            call["server_name"] = server
        return call
    if isinstance(kind, str) and kind.endswith("_tool_result"):
        tool = kind.removesuffix("_tool_result")
        answer = capture.server_tool_response(field(block, "tool_use_id"), tool, field(block, "content"))
        if field(block, "is_error") is True:
            answer["is_error"] = True
        return answer
    if kind == "container_upload":
        return capture.file(field(block, "file_id"), "document")
    if kind == "fallback":
        return _fallback(block)
    return capture.other(block)


def _fallback(block: object) -> Part:
    """Return the part for a `fallback` block, after which another model continues the output."""
    before = field(block, "from") or field(block, "from_")
    return {
        "type": "fallback",
        "from": text(field(before, "model")),
        "to": text(field(field(block, "to"), "model")),
    }


def _tool_result(block: object, capture: Capture) -> Part:
    content = field(block, "content")
    nested = items(content)
    id = field(block, "tool_use_id")
    if nested:
        part: Part = {
            "type": "tool_call_response",
            "id": text(id),
            "response": _parts(nested, capture),
        }
    else:
        part = capture.tool_response(id, content)
    if field(block, "is_error") is True:
        part["is_error"] = True
    return part


def _media(block: object, kind: str, capture: Capture) -> Part:
    source = field(block, "source")
    form = field(source, "type")
    mime_type = field(source, "media_type")
    if form == "base64":
        return capture.blob(field(source, "data"), mime_type, modality(mime_type, kind))
    if form == "url":
        return capture.uri(field(source, "url"), kind)
    if form == "file":
        return capture.file(field(source, "file_id"), kind)
    if form == "text":
        return capture.text_part(text(field(source, "data")) or "", kind)
    if form == "content":
        content = field(source, "content")
        return {"type": kind, "content": _parts(content, capture)}
    return capture.other(block)


def _tool_definition(tool: object, capture: Capture) -> Part:
    schema = field(tool, "input_schema")
    if schema is None:
        return capture.tool(tool, field(tool, "name"))
    return capture.tool_definition(field(tool, "name"), field(tool, "description"), schema)


def completion_request_content(body: Body, capture: Capture) -> Attributes:
    """Return the prompt of a text completion, an API of clients before 1.0."""
    if (prompt := text(body.get("prompt"))) is None:
        return {}
    message: Part = {"role": "user", "parts": [capture.text_part(prompt)]}
    return {names.INPUT_MESSAGES: dumps([message])}


def completion_response_content(response: object, capture: Capture) -> Attributes:
    if (words := text(field(response, "completion"))) is None:
        return {}
    message: Part = {"role": "assistant", "parts": [capture.text_part(words)]}
    return {names.OUTPUT_MESSAGES: dumps([message])}


MESSAGES = Operation(
    name="chat",
    request=request_attributes,
    response=response_attributes,
    request_content=request_content,
    response_content=response_content,
    failure=body_failure,
    fold=MessageFold,
)
COMPLETION = Operation(
    name="text_completion",
    request=request_attributes,
    response=response_attributes,
    request_content=completion_request_content,
    response_content=completion_response_content,
    failure=body_failure,
)
