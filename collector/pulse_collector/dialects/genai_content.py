"""Reads content by OpenTelemetry's gen-ai conventions, current and past; most dialects call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulse_collector.dialects.genai_attributes import (
    QUERY_KEYS,
    RERANK_INPUT_KEYS,
    RERANK_OUTPUT_KEYS,
    SYSTEM_KEYS,
    TOOL_KEYS,
)
from pulse_collector.dialects.genai_events import CHUNK_EVENT, details_event, event_content, read_first_event
from pulse_collector.facts.attributes import Attributes, AttributeValue
from pulse_collector.facts.content import (
    Content,
    as_content,
    content_of,
    document_body,
    dump_body,
    plain_text,
    request_body,
    response_body,
)
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import Json
from pulse_collector.facts.messages import (
    answer_finish_reasons,
    first_answer_text,
    last_answer_text,
    last_user_text,
)
from pulse_collector.facts.span_facts import SpanFacts

_SEARCHES = frozenset({"retrieval", "rerank"})


def read_content(facts: SpanFacts) -> None:
    """Set content from attributes, flattened attributes or events, whichever the span has."""
    if not facts.has_content and not facts.events:
        return
    attributes = facts.attributes
    messages = content_of(attributes.get("gen_ai.input.messages"))
    system = _first_content(attributes, SYSTEM_KEYS)
    answers = content_of(attributes.get("gen_ai.output.messages"))
    if messages is None and answers is None and system is None:
        messages, answers = _older_content(facts)
    if facts.events and messages is None and answers is None:
        messages, answers = event_content(facts)
    tools = _first_content(attributes, TOOL_KEYS)
    if facts.events and (details := details_event(facts)) is not None:
        system = system or _first_content(details, SYSTEM_KEYS)
        tools = tools or _first_content(details, TOOL_KEYS)
    set_messages(facts, messages=messages, system=system, tools=tools, answers=answers)
    if messages is None and system is None and tools is not None:
        facts.tools = tools
    if facts.operation == "execute_tool":
        _read_tool(facts)
    elif facts.operation in _SEARCHES:
        _read_search(facts)
    if facts.events and "time_to_first_token_ms" not in facts.numbers:
        read_first_event(facts, CHUNK_EVENT)


def _first_content(attributes: Attributes, keys: Sequence[str]) -> Content | None:
    return next((content for key in keys if (content := content_of(attributes.get(key))) is not None), None)


def read_missing_content(facts: SpanFacts) -> None:
    """Set the conventions' content where the dialect's own attributes lack request or response."""
    if facts.request is None or facts.response is None:
        read_content(facts)


def set_messages(
    facts: SpanFacts,
    *,
    messages: Content | None,
    answers: Content | None,
    system: Content | None = None,
    tools: Content | None = None,
) -> None:
    """Set bodies, texts and finish reasons from messages, if they are unset."""
    texts = facts.texts
    if facts.request is None and (messages is not None or system is not None):
        facts.request = request_body(
            model=texts.get("model_requested"),
            messages=messages,
            system=system,
            tools=tools,
            parameters=facts.parameters,
        )
    if messages is not None and facts.input_text is None:
        facts.input_text = last_user_text(messages.value)
    if answers is None:
        return
    if facts.output_text is None:
        # A call has choices; an agent's output is the conversation of its whole run.
        text_of = first_answer_text if facts.model_call else last_answer_text
        facts.output_text = text_of(answers.value) or first_answer_text(answers.value)
    if not facts.finish_reasons:
        facts.finish_reasons = answer_finish_reasons(answers.value)
    if facts.response is None:
        facts.response = response_body(
            response_id=texts.get("provider_request_id"),
            model=texts.get("model_used"),
            finish_reasons=facts.finish_reasons,
            messages=answers,
        )


def _read_tool(facts: SpanFacts) -> None:
    arguments = content_of(facts.attributes.get("gen_ai.tool.call.arguments"))
    if facts.request is None and arguments is not None:
        facts.request = document_body(arguments, "arguments")
    result = facts.attributes.get("gen_ai.tool.call.result")
    returned = content_of(result)
    if facts.response is None and returned is not None:
        facts.response = document_body(returned, "result")
        facts.output_text = facts.output_text or plain_text(result)


def _read_search(facts: SpanFacts) -> None:
    """Set query, given documents and returned documents of a retrieval or a rerank."""
    attributes, operation = facts.attributes, facts.operation
    query = next((text for key in QUERY_KEYS if (text := attributes.get(key))), None)
    # A retrieval returns its documents; a rerank receives them.
    is_rerank = operation == "rerank"
    given = _documents(facts, RERANK_INPUT_KEYS) if is_rerank else None
    returned = _documents(facts, RERANK_OUTPUT_KEYS if is_rerank else ("gen_ai.retrieval.documents",))
    if facts.request is None and (query or given is not None):
        facts.request = search_body(query, given)
        facts.input_text = facts.input_text or plain_text(query)
    if facts.response is None and returned is not None:
        facts.response = document_body(returned, "documents")


def _documents(facts: SpanFacts, keys: Sequence[str]) -> Content | None:
    for key in keys:
        documents = content_of(facts.attributes.get(key))
        if documents is None:
            documents = as_content(indexed_list(facts.flattened, f"{key}."))
        if documents is not None:
            return documents
    return None


def search_body(
    query: AttributeValue, documents: Content | None, parameters: Mapping[str, AttributeValue] | None = None
) -> bytes:
    """Return the request body of a search: the query and the documents that it receives."""
    body: dict[str, object] = {}
    request = content_of(query)
    if request is not None:
        body["query"] = request.raw
    if documents is not None:
        body["documents"] = documents.raw
    return dump_body({**body, **(parameters or {})})


def _older_content(facts: SpanFacts) -> tuple[Content | None, Content | None]:
    """Return prompt and completion by the keys of earlier conventions, flattened ones first."""
    attributes = facts.attributes
    messages = as_content(_flattened(facts, "gen_ai.prompt.", "gen_ai.input.messages."))
    answers = as_content(_flattened(facts, "gen_ai.completion.", "gen_ai.output.messages."))
    if messages is None:
        messages = _whole(attributes.get("gen_ai.prompt"), "user")
    if answers is None:
        answers = _whole(attributes.get("gen_ai.completion"), "assistant")
    return messages, answers


def _flattened(facts: SpanFacts, *prefixes: str) -> list[Json]:
    """Return the first of these flattened lists that exists, each message without a `message` wrapper."""
    none: list[Json] = []
    listed = next((found for prefix in prefixes if (found := indexed_list(facts.flattened, prefix))), none)
    return [
        inner if isinstance(entry, dict) and isinstance(inner := entry.get("message"), dict) else entry
        for entry in listed
    ]


def _whole(value: AttributeValue, role: str) -> Content | None:
    text = plain_text(value)
    if text is not None:
        return as_content([{"role": role, "content": text}])
    return content_of(value)
