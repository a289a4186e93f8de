"""Reads the bodies of OpenAI's chat completions, as OpenAI and all compatible servers write them."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps, modality
from pulse_instrumentation.fields import (
    Attributes,
    count,
    field,
    integer,
    items,
    number,
    text,
    texts,
)
from pulse_instrumentation.openai_chat_stream import ChatFold
from pulse_instrumentation.operations import Body, Operation


def request_attributes(body: Body) -> Attributes:
    """What is asked for, without any words. Shared by the legacy completions."""
    found: dict[str, object] = {
        names.REQUEST_MODEL: text(body.get("model")),
        names.REQUEST_MAX_TOKENS: integer(body.get("max_completion_tokens") or body.get("max_tokens")),
        names.REQUEST_TEMPERATURE: number(body.get("temperature")),
        names.REQUEST_TOP_P: number(body.get("top_p")),
        names.REQUEST_TOP_K: number(body.get("top_k")),
        names.REQUEST_FREQUENCY_PENALTY: number(body.get("frequency_penalty")),
        names.REQUEST_PRESENCE_PENALTY: number(body.get("presence_penalty")),
        names.REQUEST_SEED: integer(body.get("seed")),
        names.REQUEST_STOP_SEQUENCES: texts(body.get("stop")),
        names.REQUEST_REASONING_LEVEL: text(body.get("reasoning_effort")),
        names.OPENAI_REQUEST_SERVICE_TIER: text(body.get("service_tier")),
    }
    attributes = present(found)
    if (choices := integer(body.get("n"))) is not None and choices != 1:
        attributes[names.REQUEST_CHOICE_COUNT] = choices
    if body.get("stream") is True:
        attributes[names.REQUEST_STREAM] = True
    if format_type := text(field(body.get("response_format"), "type")):
        attributes[names.OUTPUT_TYPE] = "json" if format_type.startswith("json") else format_type
    return attributes


def response_attributes(response: object) -> Attributes:
    """What came back, without any words. Shared by the legacy completions."""
    attributes = present(
        {
            names.RESPONSE_ID: text(field(response, "id")),
            names.RESPONSE_MODEL: text(field(response, "model")),
            names.RESPONSE_FINISH_REASONS: texts(
                [field(choice, "finish_reason") for choice in items(field(response, "choices"))]
            ),
            names.OPENAI_SYSTEM_FINGERPRINT: text(field(response, "system_fingerprint")),
            names.OPENAI_RESPONSE_SERVICE_TIER: text(field(response, "service_tier")),
            names.OPENROUTER_PROVIDER: text(field(response, "provider")),
        }
    )
    usage = field(response, "usage")
    if usage is not None:
        attributes.update(usage_attributes(usage))
    return attributes


def usage_attributes(usage: object) -> Attributes:
    """Token counts and, from OpenRouter, the cost in dollars. Input includes what was cached."""
    prompt = field(usage, "prompt_tokens_details")
    completion = field(usage, "completion_tokens_details")
    cache_read = count(field(prompt, "cached_tokens"))
    if cache_read is None:
        # DeepSeek's own name.
        cache_read = count(field(usage, "prompt_cache_hit_tokens"))
    cache_write = count(field(prompt, "cache_write_tokens"))
    return present(
        {
            names.USAGE_INPUT_TOKENS: count(field(usage, "prompt_tokens")),
            names.USAGE_OUTPUT_TOKENS: count(field(usage, "completion_tokens")),
            names.USAGE_CACHE_READ: cache_read,
            names.USAGE_CACHE_CREATION: cache_write,
            names.USAGE_CACHE_WRITE: cache_write,
            names.USAGE_REASONING: count(field(completion, "reasoning_tokens")),
            names.USAGE_AUDIO_INPUT: count(field(prompt, "audio_tokens")) or None,
            names.USAGE_AUDIO_OUTPUT: count(field(completion, "audio_tokens")) or None,
            names.USAGE_COST: number(field(usage, "cost")),
            names.USAGE_UPSTREAM_COST: number(field(field(usage, "cost_details"), "upstream_inference_cost")),
        }
    )


def request_content(body: Body, capture: Capture) -> Attributes:
    """The messages and the tools."""
    attributes: Attributes = {}
    messages = [message(item, capture) for item in items(body.get("messages"))]
    if messages:
        attributes[names.INPUT_MESSAGES] = dumps(messages)
    tools = [tool_definition(tool, capture) for tool in items(body.get("tools"))]
    if tools:
        attributes[names.TOOL_DEFINITIONS] = dumps(tools)
    return attributes


def response_content(response: object, capture: Capture) -> Attributes:
    """One message per choice, in the order of the choices."""
    messages: list[Part] = []
    for choice in items(field(response, "choices")):
        output = message(field(choice, "message"), capture, role="assistant")
        output["finish_reason"] = text(field(choice, "finish_reason"))
        messages.append(output)
    return {names.OUTPUT_MESSAGES: dumps(messages)} if messages else {}


def message(value: object, capture: Capture, role: str = "user") -> Part:
    """One chat message in the parts format."""
    role = text(field(value, "role")) or role
    converted: Part = {"role": role, "parts": _parts(value, role, capture)}
    if name := text(field(value, "name")):
        converted["name"] = name
    return converted


def tool_definition(tool: object, capture: Capture) -> Part:
    """A tool of chat completions (nested under `function`) or of responses (flat)."""
    kind = text(field(tool, "type"))
    function = field(tool, "function")
    if function is None and kind != "function":
        return capture.other(tool)
    source = tool if function is None else function
    return capture.tool_definition(
        field(source, "name"), field(source, "description"), field(source, "parameters")
    )


def present(found: dict[str, object]) -> Attributes:
    """The attributes that have a value."""
    return {key: value for key, value in found.items() if value is not None}  # pyright: ignore[reportReturnType]


def _parts(value: object, role: str, capture: Capture) -> list[Part]:
    content = field(value, "content")
    if role == "tool":
        return [capture.tool_response(field(value, "tool_call_id"), content)]
    parts: list[Part] = []
    # Reasoning as OpenRouter and DeepSeek name it.
    for key in ("reasoning", "reasoning_content"):
        if words := text(field(value, key)):
            parts.append(capture.text_part(words, "reasoning"))
            break
    if isinstance(content, str):
        if content:
            parts.append(capture.text_part(content))
    else:
        parts.extend(_content_part(part, capture) for part in items(content))
    if refusal := text(field(value, "refusal")):
        parts.append(capture.text_part(refusal, "refusal"))
    if (audio := field(value, "audio")) is not None:
        parts.extend(_audio_parts(audio, capture))
    parts.extend(_tool_call(call, capture) for call in items(field(value, "tool_calls")))
    if (function := field(value, "function_call")) is not None:
        arguments = field(function, "arguments")
        parts.append(capture.tool_call(None, field(function, "name"), arguments))
    return parts


def _content_part(part: object, capture: Capture) -> Part:
    kind = field(part, "type")
    if kind == "text":
        return capture.text_part(text(field(part, "text")) or "")
    if kind == "image_url":
        image = field(part, "image_url")
        return capture.uri(image if isinstance(image, str) else field(image, "url"), "image")
    if kind == "input_audio":
        audio = field(part, "input_audio")
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


def _audio_parts(audio: object, capture: Capture) -> list[Part]:
    parts: list[Part] = []
    if transcript := text(field(audio, "transcript")):
        parts.append(capture.text_part(transcript))
    if (data := text(field(audio, "data"))) is not None:
        parts.append(capture.blob(data, None, "audio"))
    return parts


def _tool_call(call: object, capture: Capture) -> Part:
    custom = field(call, "custom")
    if custom is not None:
        return capture.tool_call(field(call, "id"), field(custom, "name"), field(custom, "input"))
    function = field(call, "function")
    return capture.tool_call(field(call, "id"), field(function, "name"), field(function, "arguments"))


CHAT = Operation(
    name="chat",
    request=request_attributes,
    response=response_attributes,
    request_content=request_content,
    response_content=response_content,
    fold=ChatFold,
)
