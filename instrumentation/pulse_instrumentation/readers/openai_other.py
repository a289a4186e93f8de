"""Read the bodies of OpenAI's other APIs: completions, embeddings, images, audio, moderations."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps
from pulse_instrumentation.fields import Attributes, field, integer, items, own_fields, text, texts
from pulse_instrumentation.readers.errors import body_failure, choices_failure
from pulse_instrumentation.readers.openai_chat import request_attributes, response_attributes
from pulse_instrumentation.readers.openai_chat_stream import ChatFold
from pulse_instrumentation.readers.operations import Body, Operation
from pulse_instrumentation.readers.tables import Table, choice_count, non_empty_text, read, true_only
from pulse_instrumentation.readers.usage import USAGE, complete_usage, model_usage, other_models_usage


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
    attributes = complete_usage(read(response, _RESPONSE), has_output=False)
    data = items(field(response, "data"))
    vector = field(data[0], "embedding") if data else None
    if not isinstance(vector, str) and (length := len(items(vector))):
        attributes[names.EMBEDDINGS_DIMENSION_COUNT] = length
    return attributes


def embeddings_request_content(body: Body, capture: Capture) -> Attributes:
    return _prompts(body.get("input"), capture)


def media_request(body: Body) -> Attributes:
    """Return the attributes of a request for images, audio or moderation: the model."""
    return read(body, _MEDIA_REQUEST)


def media_response(response: object) -> Attributes:
    """Return the attributes of such an answer: model, tokens and cost, if the provider reports them."""
    attributes = complete_usage(read(response, _RESPONSE))
    if (drawn := field(response, "svg_usage")) is not None:
        attributes.update(other_models_usage([model_usage(drawn)]))
    return attributes


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
_MEDIA_REQUEST: Table = {
    "model": (names.REQUEST_MODEL, text),
    "n": (names.REQUEST_CHOICE_COUNT, choice_count),
    "stream": (names.REQUEST_STREAM, true_only),
}
_RESPONSE: Table = {
    "id": (names.RESPONSE_ID, non_empty_text),
    "model": (names.RESPONSE_MODEL, non_empty_text),
    "provider": (names.OPENROUTER_PROVIDER, text),
    "usage": USAGE,
}


def _prompts(given: object, capture: Capture) -> Attributes:
    """Return the attribute with the texts of a prompt as one user message.

    A list of token ids becomes a part with its size.
    """
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


class MediaFold:
    """Folds the events of an image, a transcript or speech into one answer with usage and text."""

    __slots__ = ("_content", "_found", "_words")

    def __init__(self, content: bool) -> None:
        self._content = content
        self._found: dict[str, object] = {}
        self._words: list[str] = []

    def add(self, chunk: object) -> bool:
        fields = own_fields(chunk)
        kind = text(fields.get("type")) or ""
        for name in ("id", "model", "usage", "error"):
            if value := field(chunk, name):
                self._found[name] = value
        if kind == "error":
            self._found.setdefault("error", chunk)
        elif self._content and kind == "transcript.text.delta":
            if isinstance(delta := fields.get("delta"), str):
                self._words.append(delta)
        elif self._content and kind.endswith(".done") and isinstance(whole := fields.get("text"), str):
            self._words = [whole]
        return True

    def response(self) -> object:
        return {**self._found, "text": "".join(self._words) or None}


COMPLETION = Operation(
    name="text_completion",
    request=request_attributes,
    response=response_attributes,
    request_content=completion_request_content,
    response_content=completion_response_content,
    failure=choices_failure,
    fold=ChatFold,
)
EMBEDDINGS = Operation(
    name="embeddings",
    request=embeddings_request,
    response=embeddings_response,
    request_content=embeddings_request_content,
    failure=body_failure,
)


def _media(name: str) -> Operation:
    return Operation(
        name=name,
        request=media_request,
        response=media_response,
        request_content=media_request_content,
        response_content=transcription_content,
        failure=body_failure,
        fold=MediaFold,
    )


IMAGE = _media("image_generation")
SPEECH = _media("speech")
TRANSCRIPTION = _media("transcription")
TRANSLATION = _media("translation")
MODERATION = _media("moderation")
