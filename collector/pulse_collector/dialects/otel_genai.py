"""OpenTelemetry's gen-ai conventions, current and past: the base of all other dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.facts.attributes import Attributes, AttributeValue, as_count
from pulse_collector.facts.content import (
    Content,
    content_of,
    document_body,
    dump_body,
    plain_text,
    request_body,
    response_body,
)
from pulse_collector.facts.event_messages import choice_message
from pulse_collector.facts.finish_reasons import finish_reasons
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, parse_object, to_json
from pulse_collector.facts.messages import (
    answer_finish_reasons,
    first_answer_text,
    last_answer_text,
    last_user_text,
)
from pulse_collector.facts.span_facts import Event, SpanFacts

#: Span events with content: the form before content attributes, which Strands still writes.
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_MESSAGE_KEYS = frozenset({"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"})
_SYSTEM_KEYS = ("gen_ai.system_instructions", "gen_ai.request.system")
_TOOL_KEYS = ("gen_ai.tool.definitions", "gen_ai.request.tools")
_SEARCHES = frozenset({"retrieval", "rerank"})
_QUERIES = ("gen_ai.retrieval.query.text", "gen_ai.retrieval.query", "gen_ai.rerank.query")
CHUNK_EVENT = "gen_ai.content.completion.chunk"
#: The event's name in the first versions of OpenLLMetry.
OLD_CHUNK_EVENT = "llm.content.completion.chunk"
#: Has all content of a call. Strands' newest versions write it as an event of the span itself.
_DETAILS_EVENT = "gen_ai.client.inference.operation.details"
CONTENT_EVENTS = frozenset(
    {
        *_MESSAGE_EVENTS,
        *("gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"),
        CHUNK_EVENT,
        OLD_CHUNK_EVENT,
        _DETAILS_EVENT,
        # An event of Claude Code whose attributes are all content.
        "tool.output",
    }
)


def read_content(facts: SpanFacts) -> None:
    """Set content from attributes, flattened attributes or events, whichever the span has."""
    if not facts.has_content and not facts.events:
        return
    attributes = facts.attributes
    messages = content_of(attributes.get("gen_ai.input.messages"))
    system = _first_content(attributes, _SYSTEM_KEYS)
    answers = content_of(attributes.get("gen_ai.output.messages"))
    if messages is None and answers is None and system is None:
        messages, answers = _older_content(facts)
    if facts.events and messages is None and answers is None:
        messages, answers = _event_content(facts)
    tools = _first_content(attributes, _TOOL_KEYS)
    if facts.events and (details := _details(facts)) is not None:
        system = system or _first_content(details, _SYSTEM_KEYS)
        tools = tools or _first_content(details, _TOOL_KEYS)
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


def built(messages: Sequence[Json]) -> Content | None:
    """Return messages that a dialect has built as content; None if there are none."""
    return content_of(dump_json([*messages])) if messages else None


def read_first_event(facts: SpanFacts, name: str) -> None:
    """Set the time to the first token from the first event with this name."""
    first_ns = min((event.time_ns for event in facts.events if event.name == name), default=None)
    if first_ns is not None and first_ns >= facts.start_ns:
        facts.numbers["time_to_first_token_ms"] = (first_ns - facts.start_ns) / 1e6


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
    query = next((text for key in _QUERIES if (text := attributes.get(key))), None)
    documents = {name: _documents(facts, f"gen_ai.{operation}.{name}") for name in ("documents", "results")}
    # A retrieval returns its documents; a rerank receives them.
    given = documents["documents"] if operation == "rerank" else None
    returned = documents["results"] if operation == "rerank" else documents["documents"]
    if facts.request is None and (query or given is not None):
        facts.request = search_body(query, given)
        facts.input_text = facts.input_text or plain_text(query)
    if facts.response is None and returned is not None:
        facts.response = document_body(returned, "documents")


def _documents(facts: SpanFacts, key: str) -> Content | None:
    return content_of(facts.attributes.get(key)) or built(indexed_list(facts.flattened, f"{key}."))


def search_body(
    query: AttributeValue, documents: Content | None, parameters: Mapping[str, AttributeValue] | None = None
) -> bytes:
    """Return the request body of a search: the query and the documents that it receives."""
    body: dict[str, object] = {}
    asked = content_of(query)
    if asked is not None:
        body["query"] = asked.raw
    if documents is not None:
        body["documents"] = documents.raw
    return dump_body({**body, **(parameters or {})})


def _older_content(facts: SpanFacts) -> tuple[Content | None, Content | None]:
    """Return prompt and completion: `gen_ai.prompt.N.*` and so on, else `gen_ai.prompt`."""
    attributes = facts.attributes
    messages = built(_flattened(facts, "gen_ai.prompt.", "gen_ai.input.messages."))
    answers = built(_flattened(facts, "gen_ai.completion.", "gen_ai.output.messages."))
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
        return built([{"role": role, "content": text}])
    return content_of(value)


def _event_content(facts: SpanFacts) -> tuple[Content | None, Content | None]:
    messages: list[Json] = []
    answers: list[Json] = []
    for event in facts.events:
        if event.name in _MESSAGE_EVENTS:
            messages.append(_event_message(event.attributes, _MESSAGE_EVENTS[event.name]))
        elif event.name == "gen_ai.choice":
            answers.append(_event_message(event.attributes, "assistant"))
        elif event.name == "gen_ai.content.prompt":
            messages += _listed(event.attributes.get("gen_ai.prompt"), "user")
        elif event.name == "gen_ai.content.completion":
            answers += _listed(event.attributes.get("gen_ai.completion"), "assistant")
        elif is_details(event):
            messages += _listed(event.attributes.get("gen_ai.input.messages"), "user")
            answers += _listed(event.attributes.get("gen_ai.output.messages"), "assistant")
    return built(messages), built(answers)


def is_details(event: Event) -> bool:
    """Return whether an event has the content of a call, by its name or by its attributes."""
    return event.name == _DETAILS_EVENT or not _MESSAGE_KEYS.isdisjoint(event.attributes)


def _details(facts: SpanFacts) -> Attributes | None:
    """Return the attributes of the event with the content of the call, and set unset facts from them."""
    event = next((event for event in reversed(facts.events) if is_details(event)), None)
    if event is None:
        return None
    details = event.attributes
    for column, keys in DIALECT.texts.items():
        for key in keys:
            facts.fill(column, details.get(key))
    if not facts.counts:
        for column, keys in DIALECT.counts.items():
            count = next((count for key in keys if (count := as_count(details.get(key))) is not None), None)
            if count is not None:
                facts.counts[column] = count
    for key in DIALECT.finish_reasons:
        facts.finish_reasons = facts.finish_reasons or finish_reasons(details.get(key))
    return details


def _event_message(attributes: dict[str, AttributeValue], role: str) -> JsonObject:
    message: JsonObject = {"role": role}
    whole = parse_object(attributes.get("gen_ai.event.content"))
    if whole:
        # Azure's clients write the whole message or choice as one document.
        return {**message, **(choice_message(whole) if "message" in whole else whole)}
    for key, value in attributes.items():
        content = content_of(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
        message["content" if key == "message" else key] = content.value if content else to_json(value)
    inner = parse_object(attributes.get("message"))
    if inner:
        message.update(inner)
    return message


def _listed(value: AttributeValue, role: str) -> list[Json]:
    content = content_of(value)
    if content is None:
        return []
    if isinstance(content.value, list):
        return content.value
    if isinstance(value, str) and isinstance(content.value, dict) and "_raw" in content.value:
        return [{"role": role, "content": value}]
    return [content.value]


#: Properties of whole traces that an application sets with libraries which do not record the spans.
_PROPERTIES = ("traceloop.association.properties.", "lmnr.association.properties.")

DIALECT = Dialect(
    name="otel-genai",
    scopes=(
        "opentelemetry.instrumentation.genai",
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.util.genai",
        "pulse.instrumentation",
    ),
    kind_key="gen_ai.operation.name",
    texts={
        "provider": ("gen_ai.provider.name", "gen_ai.system", "gen_ai.model.provider", "gen_ai.provider"),
        "model_requested": ("gen_ai.request.model",),
        "model_used": ("gen_ai.response.model",),
        "provider_request_id": ("gen_ai.response.id",),
        "session_id": (
            "gen_ai.conversation.id",
            "session.id",
            "gen_ai.session.id",
            "gen_ai.thread.id",
            "conversation.id",
            *("langfuse.session.id", "langwatch.thread.id", "mastra.metadata.sessionId"),
            *(prefix + "session_id" for prefix in _PROPERTIES),
        ),
        "user_id": (
            *("user.id", "enduser.id", "gen_ai.user.id", "gen_ai.user", "gen_ai.request.user", "llm.user"),
            *("langfuse.user.id", "langwatch.user.id", "mastra.metadata.userId"),
            *(prefix + "user_id" for prefix in _PROPERTIES),
        ),
        "environment": (
            *("langfuse.environment", "deployment.environment.name", "deployment.environment"),
            "sentry.environment",
        ),
        "release": ("langfuse.release", "sentry.release"),
        "error_type": ("error.type",),
    },
    # Preferred names; `facts/usage_names.py` recognises all further spellings.
    counts={
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "total": ("gen_ai.usage.total_tokens",),
        "cache_read": ("gen_ai.usage.cache_read.input_tokens",),
        "cache_write": (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
        ),
        "reasoning": ("gen_ai.usage.reasoning.output_tokens",),
    },
    first_token_seconds=(
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.response.time_to_first_token",
        "gen_ai.client.operation.time_to_first_token",
        # The name in vLLM and Pipecat.
        "gen_ai.latency.time_to_first_token",
        "metrics.ttfb",
    ),
    # The names in VS Code's Copilot and in Claude Code.
    first_token_ms=("copilot_chat.time_to_first_token", "ttft_ms"),
    first_token_at=("mastra.completion_start_time",),
    cost_usd=("gen_ai.usage.cost", "gen_ai.cost.total_cost", "operation.cost"),
    tags=(
        "pulse.tags",
        "tag.tags",
        *("langfuse.trace.tags", "langfuse.tags", "langwatch.tags", "mastra.tags"),
        "lmnr.association.properties.tags",
    ),
    finish_reasons=(
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "gen_ai.response.stop_reason",
        "llm.response.finish_reason",
        "llm.response.finish_reasons",
        "llm.response.stop_reason",
        "llm.finish_reason",
        "anthropic.message.stop_reason",
        "finish_reason",
        "stop_reason",
    ),
    content=(
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        *_SYSTEM_KEYS,
        *_TOOL_KEYS,
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.prompt",
        "gen_ai.completion",
        *_QUERIES,
        "gen_ai.retrieval.documents",
        "gen_ai.rerank.documents",
        "gen_ai.rerank.results",
    ),
    content_prefixes=(
        "gen_ai.prompt.",
        "gen_ai.completion.",
        "gen_ai.input.messages.",
        "gen_ai.output.messages.",
        "gen_ai.retrieval.documents.",
        "gen_ai.rerank.documents.",
        "gen_ai.rerank.results.",
    ),
    custom_prefixes=("pulse.metadata.", "langfuse.trace.metadata."),
    read=read_content,
)
