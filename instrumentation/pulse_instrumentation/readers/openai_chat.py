"""Read the bodies of chat completions, of OpenAI and of all compatible servers."""

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
from pulse_instrumentation.readers.errors import choices_failure
from pulse_instrumentation.readers.openai_chat_stream import ChatFold
from pulse_instrumentation.readers.operations import Body, Operation
from pulse_instrumentation.readers.pieces import thoughts
from pulse_instrumentation.readers.tables import (
    Table,
    choice_count,
    non_empty_text,
    output_modality,
    output_type,
    read,
    true_only,
)
from pulse_instrumentation.readers.usage import USAGE, complete_usage, usage_of_choices


def request_attributes(body: Body) -> Attributes:
    """Return the attributes of a request of chat or legacy completions, without content."""
    attributes = read(body, _REQUEST)
    if limit := integer(body.get("max_completion_tokens")):
        attributes[names.REQUEST_MAX_TOKENS] = limit
    return attributes


def response_attributes(response: object) -> Attributes:
    """Return the attributes of a chat or legacy completion, without content.

    A reported cost is in dollars. Input tokens include cached tokens.
    """
    attributes = read(response, _RESPONSE)
    if not attributes.get(names.USAGE_INPUT_TOKENS) and not attributes.get(names.USAGE_OUTPUT_TOKENS):
        # Some servers send a usage object without counts.
        attributes.update(usage_of_choices(items(field(response, "choices"))))
    return complete_usage(attributes)


def _finish_reasons(choices: object) -> list[str] | None:
    """Return the finish reason of each choice, by position. `error` if only other choices have one."""
    found = [text(field(choice, "finish_reason")) for choice in items(choices)]
    return [reason or "error" for reason in found] if any(found) else None


_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "max_tokens": (names.REQUEST_MAX_TOKENS, integer),
    "temperature": (names.REQUEST_TEMPERATURE, number),
    "top_p": (names.REQUEST_TOP_P, number),
    "top_k": (names.REQUEST_TOP_K, number),
    "frequency_penalty": (names.REQUEST_FREQUENCY_PENALTY, number),
    "presence_penalty": (names.REQUEST_PRESENCE_PENALTY, number),
    "seed": (names.REQUEST_SEED, integer),
    "stop": (names.REQUEST_STOP_SEQUENCES, texts),
    "n": (names.REQUEST_CHOICE_COUNT, choice_count),
    "stream": (names.REQUEST_STREAM, true_only),
    "response_format": (names.OUTPUT_TYPE, output_type),
    "modalities": (names.OUTPUT_TYPE, output_modality),
    "reasoning_effort": (names.REQUEST_REASONING_LEVEL, text),
    "service_tier": (names.OPENAI_REQUEST_SERVICE_TIER, text),
}
_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, non_empty_text),
    "model": (names.RESPONSE_MODEL, non_empty_text),
    "choices": (names.RESPONSE_FINISH_REASONS, _finish_reasons),
    "system_fingerprint": (names.OPENAI_SYSTEM_FINGERPRINT, text),
    "service_tier": (names.OPENAI_RESPONSE_SERVICE_TIER, text),
    "provider": (names.OPENROUTER_PROVIDER, text),
    "usage": USAGE,
    # Streams of Groq.
    "x_groq": {"usage": USAGE},
}


def request_content(body: Body, capture: Capture) -> Attributes:
    """Return the input messages and tool definitions as attributes."""
    attributes: Attributes = {}
    messages = [message(item, capture) for item in items(body.get("messages"))]
    if messages:
        attributes[names.INPUT_MESSAGES] = dumps(messages)
    tools = [tool_definition(tool, capture) for tool in items(body.get("tools"))]
    if tools:
        attributes[names.TOOL_DEFINITIONS] = dumps(tools)
    return attributes


def response_content(response: object, capture: Capture) -> Attributes:
    """Return one output message per choice, in the order of the choices, as an attribute."""
    messages: list[Part] = []
    for choice in items(field(response, "choices")):
        output = message(field(choice, "message"), capture, role="assistant")
        output["finish_reason"] = text(field(choice, "finish_reason"))
        messages.append(output)
    return {names.OUTPUT_MESSAGES: dumps(messages)} if messages else {}


def message(value: object, capture: Capture, role: str = "user") -> Part:
    """Return a chat message in the conventions' parts format."""
    role = text(field(value, "role")) or role
    converted: Part = {"role": role, "parts": _parts(value, role, capture)}
    if (name := field(value, "name")) is not None:
        capture.put_name(converted, name)
    return converted


def tool_definition(tool: object, capture: Capture) -> Part:
    """Return the definition of a tool of chat completions (nested in `function`) or of responses (flat)."""
    kind = text(field(tool, "type"))
    function = field(tool, "function")
    if function is None and kind != "function":
        return capture.tool(tool, field(tool, "name") or field(field(tool, "custom"), "name"))
    source = tool if function is None else function
    return capture.tool_definition(
        field(source, "name"), field(source, "description"), field(source, "parameters")
    )


def _parts(value: object, role: str, capture: Capture) -> list[Part]:
    content = field(value, "content")
    if role == "tool":
        return [capture.tool_response(field(value, "tool_call_id"), content)]
    parts: list[Part] = []
    if words := _reasoning(value):
        parts.append(capture.text_part(words, "reasoning"))
    if isinstance(content, str):
        if content:
            parts.append(capture.text_part(content))
    else:
        parts.extend(_content_part(part, capture) for part in items(content))
    if refusal := text(field(value, "refusal")):
        parts.append(capture.text_part(refusal, "refusal"))
    # Images in an answer of OpenRouter.
    parts.extend(_content_part(image, capture) for image in items(field(value, "images")))
    if (audio := field(value, "audio")) is not None:
        parts.extend(_audio_parts(audio, capture))
    parts.extend(_tool_call(call, capture) for call in items(field(value, "tool_calls")))
    if (function := field(value, "function_call")) is not None:
        arguments = field(function, "arguments")
        parts.append(capture.tool_call(None, field(function, "name"), arguments))
    return parts


def _reasoning(value: object) -> str | None:
    """Return the reasoning of a message, from the field names of all compatible servers."""
    for key in ("reasoning", "reasoning_content", "reasoning_text", "thinking"):
        if words := text(field(value, key)):
            return words
    details = items(field(value, "reasoning_details"))
    return "".join(text(field(detail, "text")) or text(field(detail, "summary")) or "" for detail in details)


def _content_part(part: object, capture: Capture) -> Part:
    kind = field(part, "type")
    if kind == "text":
        return capture.text_part(text(field(part, "text")) or "")
    if kind == "thinking":
        return capture.text_part(thoughts(part), "reasoning")
    if isinstance(kind, str) and (modality_ := _ADDRESSED.get(kind)) is not None:
        # Mistral sends a URL where OpenAI sends an object with a URL.
        address = field(part, kind)
        return capture.uri(address if isinstance(address, str) else field(address, "url"), modality_)
    if kind == "input_audio":
        audio = field(part, "input_audio")
        if isinstance(audio, str):
            return capture.uri(audio, "audio") if "://" in audio[:16] else capture.blob(audio, None, "audio")
        format_name = text(field(audio, "format"))
        return capture.blob(field(audio, "data"), f"audio/{format_name}" if format_name else None, "audio")
    if kind == "file":
        file = field(part, "file")
        if (data := text(field(file, "file_data"))) is not None:
            header = data[5:].partition(";")[0] if data.startswith("data:") else ""
            return capture.uri(data if data.startswith("data:") else f"data:;base64,{data}", modality(header))
        return capture.file(field(file, "file_id"), "document")
    if kind == "refusal":
        return capture.text_part(text(field(part, "refusal")) or "", "refusal")
    return capture.other(part)


_ADDRESSED = {"image_url": "image", "video_url": "video", "audio_url": "audio", "document_url": "document"}


def _audio_parts(audio: object, capture: Capture) -> list[Part]:
    parts: list[Part] = []
    if transcript := text(field(audio, "transcript")):
        parts.append(capture.text_part(transcript))
    if (data := text(field(audio, "data"))) is not None:
        parts.append(capture.blob(data, None, "audio"))
    if not parts and (id := field(audio, "id")) is not None:
        # The audio of an earlier answer, referenced by id in a request.
        parts.append(capture.file(id, "audio"))
    return parts


def _tool_call(call: object, capture: Capture) -> Part:
    custom = field(call, "custom")
    if custom is not None:
        return capture.tool_call(field(call, "id"), field(custom, "name"), field(custom, "input"))
    function = field(call, "function")
    return capture.tool_call(field(call, "id"), field(function, "name"), field(function, "arguments"))


def chat_request(body: Body) -> Attributes:
    """Return the attributes of a chat request, with the API type."""
    return {names.OPENAI_API_TYPE: "chat_completions", **request_attributes(body)}


CHAT = Operation(
    name="chat",
    request=chat_request,
    response=response_attributes,
    request_content=request_content,
    response_content=response_content,
    failure=choices_failure,
    fold=ChatFold,
)
