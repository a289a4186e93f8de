"""Reads the bodies of OpenAI's smaller APIs: completions, embeddings, images, audio, moderations."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps
from pulse_instrumentation.fields import Attributes, count, field, integer, items, number, text, texts
from pulse_instrumentation.readers.openai_chat import request_attributes, response_attributes
from pulse_instrumentation.readers.openai_chat_stream import ChatFold
from pulse_instrumentation.readers.operations import Body, Operation
from pulse_instrumentation.readers.tables import Table, read, several, some, true


def completion_request_content(body: Body, capture: Capture) -> Attributes:
    return _prompts(body.get("prompt"), capture)


def completion_response_content(response: object, capture: Capture) -> Attributes:
    messages: list[Part] = [
        {
            "role": "assistant",
            "parts": [capture.text_part(text(field(choice, "text")) or "")],
            "finish_reason": text(field(choice, "finish_reason")),
        }
        for choice in items(field(response, "choices"))
    ]
    return {names.OUTPUT_MESSAGES: dumps(messages)} if messages else {}


def embeddings_request(body: Body) -> Attributes:
    return read(body, _EMBEDDINGS_REQUEST)


def embeddings_response(response: object) -> Attributes:
    attributes = read(response, _EMBEDDINGS_RESPONSE)
    data = items(field(response, "data"))
    vector = field(data[0], "embedding") if data else None
    if not isinstance(vector, str) and (length := len(items(vector))):
        attributes[names.EMBEDDINGS_DIMENSION_COUNT] = length
    return attributes


def embeddings_request_content(body: Body, capture: Capture) -> Attributes:
    return _prompts(body.get("input"), capture)


def media_request(body: Body) -> Attributes:
    """Images, audio and moderations: the model that was asked for."""
    return read(body, _MEDIA_REQUEST)


def media_response(response: object) -> Attributes:
    """Only what the provider reports; many of these APIs report no tokens."""
    return read(response, _MEDIA_RESPONSE)


def media_request_content(body: Body, capture: Capture) -> Attributes:
    prompt = body.get("prompt")
    return _prompts(body.get("input") if prompt is None else prompt, capture)


def transcription_content(response: object, capture: Capture) -> Attributes:
    words = text(response) or text(field(response, "text"))
    if words is None:
        return {}
    message: Part = {"role": "assistant", "parts": [capture.text_part(words)]}
    return {names.OUTPUT_MESSAGES: dumps([message])}


_EMBEDDINGS_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "dimensions": (names.EMBEDDINGS_DIMENSION_COUNT, integer),
    "encoding_format": (names.REQUEST_ENCODING_FORMATS, texts),
}
_EMBEDDINGS_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, text),
    "model": (names.RESPONSE_MODEL, text),
    "provider": (names.OPENROUTER_PROVIDER, text),
    "usage": {
        "prompt_tokens": (names.USAGE_INPUT_TOKENS, count),
        "cost": (names.USAGE_COST, number),
    },
}
_MEDIA_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "n": (names.REQUEST_CHOICE_COUNT, several),
    "stream": (names.REQUEST_STREAM, true),
}
_MEDIA_INPUT: Table = {
    "image_tokens": (names.USAGE_IMAGE_INPUT, some),
    "audio_tokens": (names.USAGE_AUDIO_INPUT, some),
}
_MEDIA_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, text),
    "model": (names.RESPONSE_MODEL, text),
    "usage": {
        "input_tokens": (names.USAGE_INPUT_TOKENS, count),
        "output_tokens": (names.USAGE_OUTPUT_TOKENS, count),
        # Images have the plural, transcriptions the singular.
        "input_tokens_details": _MEDIA_INPUT,
        "input_token_details": _MEDIA_INPUT,
    },
}


def _prompts(given: object, capture: Capture) -> Attributes:
    """A prompt is text, a list of texts, or tokens that only the model can read."""
    parts: list[Part] = []
    for prompt in [given] if isinstance(given, str) else items(given):
        if isinstance(prompt, str):
            parts.append(capture.text_part(prompt))
        elif not isinstance(prompt, (int, float)):
            parts.append(_tokens(prompt) if items(prompt) else capture.other(prompt))
    if not parts and (tokens := items(given)):
        parts.append(_tokens(tokens))
    if not parts:
        return {}
    message: Part = {"role": "user", "parts": parts}
    return {names.INPUT_MESSAGES: dumps([message])}


def _tokens(value: object) -> Part:
    return {"type": "tokens", "size": len(items(value))}


class LastChunkFold:
    """Keeps the last chunk that reports usage or is the end: enough for images and transcripts."""

    __slots__ = ("_last",)

    def __init__(self, content: bool) -> None:
        self._last: object = None

    def add(self, chunk: object) -> bool:
        kind = text(field(chunk, "type")) or ""
        if field(chunk, "usage") is not None or kind.endswith((".done", ".completed")):
            self._last = chunk
        return True

    def response(self) -> object:
        return self._last


COMPLETION = Operation(
    name="text_completion",
    request=request_attributes,
    response=response_attributes,
    request_content=completion_request_content,
    response_content=completion_response_content,
    fold=ChatFold,
)
EMBEDDINGS = Operation(
    name="embeddings",
    request=embeddings_request,
    response=embeddings_response,
    request_content=embeddings_request_content,
)


def _media(name: str) -> Operation:
    return Operation(
        name=name,
        request=media_request,
        response=media_response,
        request_content=media_request_content,
        response_content=transcription_content,
        fold=LastChunkFold,
    )


IMAGE = _media("image_generation")
SPEECH = _media("speech")
TRANSCRIPTION = _media("transcription")
TRANSLATION = _media("translation")
MODERATION = _media("moderation")
