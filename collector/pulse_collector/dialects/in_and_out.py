"""Reads content from one attribute for the input and one for the output of a span."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.genai_content import set_messages
from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.content import Content, as_content, content_of, document_body
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.messages import first_answer_text, last_answer_text, last_user_text
from pulse_collector.facts.span_facts import SpanFacts

#: The names of input and output for operations whose content is not a conversation.
_NAMES = {
    "execute_tool": ("arguments", "result"),
    "retrieval": ("query", "documents"),
    "embeddings": ("input", "embeddings"),
    "rerank": ("query", "documents"),
    "speech": ("input", "output"),
    "transcription": ("input", "text"),
}
#: Members that only a provider's response has: its id is then the response id.
_OF_PROVIDERS = frozenset({"choices", "candidates", "usage", "usageMetadata", "usage_metadata", "object"})
#: Members with the text of an answer in a framework's document.
_TEXT_MEMBERS = ("text", "completion", "output", "response", "content", "answer", "result", "message")


def read_in_and_out(facts: SpanFacts, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Set request and response, if unset, from the first existing attribute of each list."""
    set_in_and_out(facts, first_content(facts, inputs), first_content(facts, outputs))


def set_in_and_out(facts: SpanFacts, request: Content | None, response: Content | None) -> None:
    """Set request, response and their texts from the input and the output content, if unset."""
    names = _NAMES.get(facts.operation or "")
    if names is None and facts.model_call:
        if request is not None:
            _set_question(facts, request)
        if response is not None:
            _set_answer(facts, response)
        return
    into, out_of = names or ("input", "output")
    if request is not None:
        if facts.request is None:
            facts.request = document_body(request, into, extra={**_scalars(facts)} if names else None)
        facts.input_text = facts.input_text or _question_text(request.value)
    if response is not None:
        if facts.response is None:
            facts.response = document_body(response, out_of)
        text = last_answer_text(response.value) or _answer_text(response.value)
        facts.output_text = facts.output_text or text


def first_content(facts: SpanFacts, keys: Sequence[str]) -> Content | None:
    """Return the content of the first of these attributes that has some."""
    attributes = facts.attributes
    for key in keys:
        value: AttributeValue = attributes.get(key)
        if value is not None and (content := content_of(value)) is not None:
            return content
    return None


def _set_question(facts: SpanFacts, request: Content) -> None:
    value = request.value
    if isinstance(value, dict):
        read_request(facts, value)
        items = value.get("items")
        if isinstance(items, list):
            # A conversation inside an object.
            set_messages(facts, messages=as_content(items), answers=None)
        elif facts.request is None:
            facts.request = document_body(request, "input")
        return
    if isinstance(value, str):
        request = as_content([{"role": "user", "content": value}]) or request
    set_messages(facts, messages=request, answers=None)


def _set_answer(facts: SpanFacts, response: Content) -> None:
    value = response.value
    if isinstance(value, dict):
        read_response(facts, value if not _OF_PROVIDERS.isdisjoint(value) else _without_id(value))
        facts.output_text = facts.output_text or _answer_text(value)
        if facts.response is None:
            facts.response = document_body(response, "output")
        return
    if isinstance(value, str):
        response = as_content([{"role": "assistant", "content": value}]) or response
    set_messages(facts, messages=None, answers=response)


def _without_id(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if key not in ("id", "model")}


def _question_text(value: Json) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, dict):
        for key in ("messages", "input", "prompt", "query", "text"):
            inner = value.get(key)
            if inner:
                return inner if isinstance(inner, str) else last_user_text(inner)
        return None
    return last_user_text(value)


def _answer_text(value: Json) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, dict):
        for key in _TEXT_MEMBERS:
            inner = value.get(key)
            if isinstance(inner, str) and inner:
                return inner
        return first_answer_text(value)
    return first_answer_text(value)


def _scalars(facts: SpanFacts) -> JsonObject:
    """Return the request's parameters for a request body whose input is not an object."""
    return {
        name: value
        for name, value in facts.parameters.items()
        if value is None or isinstance(value, str | int | float | bool)
    }
