"""Reads OpenInference's content: documents in one attribute, flattened messages, searches and templates."""

from __future__ import annotations

from pulse_collector.dialects.genai_content import search_body, set_messages
from pulse_collector.facts.content import (
    Content,
    as_content,
    content_of,
    document_body,
    plain_text,
    with_member,
)
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import Json, JsonObject, parse_json
from pulse_collector.facts.span_facts import SpanFacts

#: Operations whose content is messages.
_MESSAGE_OPERATIONS = frozenset({"chat", "text_completion"})


def read_document(facts: SpanFacts, key: str, prefix: str) -> Content | None:
    """Return a document; None if it is only a text of messages that the span also has flattened.

    LlamaIndex writes the `repr` of its messages, which loses parts of the flattened ones.
    """
    content = content_of(facts.attributes.get(key))
    if content is None or not _is_text(content.value):
        return content
    return None if has_flattened(facts, prefix) else content


def has_flattened(facts: SpanFacts, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in facts.flattened)


def _is_text(value: Json) -> bool:
    messages = value.get("messages") if isinstance(value, dict) else value
    if isinstance(value, dict) and isinstance(messages, list):
        return bool(messages) and all(isinstance(message, str) for message in messages)
    return isinstance(messages, str)


def read_template(facts: SpanFacts) -> None:
    """Set the prompt's template with its variables, and the arguments of a tool call.

    `tool.parameters` are the arguments in some instrumentations, the tool's definition in others.
    """
    for name in ("template", "variables"):
        part = content_of(facts.attributes.get(f"llm.prompt_template.{name}"))
        if part is not None:
            facts.request = with_member(facts.request or b"{}", f"prompt_{name}", part)
    arguments = content_of(facts.attributes.get("tool_call.function.arguments"))
    if arguments is not None and facts.request is None:
        facts.request = document_body(arguments, "arguments")
    parameters = content_of(facts.attributes.get("tool.parameters"))
    if parameters is not None:
        request = content_of(facts.attributes.get("input.value"))
        if request is None or request.value != parameters.value:
            facts.request = with_member(facts.request or b"{}", "parameters", parameters)


def prompts_of(facts: SpanFacts) -> list[str]:
    """Return the prompts of a text completion: `llm.prompts`, or flattened."""
    whole = facts.attributes.get("llm.prompts")
    if isinstance(whole, list):
        return [text for text in whole if isinstance(text, str)]
    found: list[str] = []
    for entry in indexed_list(facts.flattened, "llm.prompts."):
        prompt = entry.get("prompt") if isinstance(entry, dict) else None
        text = prompt.get("text") if isinstance(prompt, dict) else None
        found.append(text if isinstance(text, str) else "")
    return found


def read_documents(facts: SpanFacts, request: Content | None, response: Content | None) -> None:
    if request is not None:
        read_request(facts, request.value)
        if isinstance(request.value, dict) and "_raw" not in request.value:
            facts.request = document_body(request, "input")
    if response is not None and isinstance(response.value, dict | list):
        read_response(facts, response.value)
        if "_raw" not in response.value:
            facts.response = document_body(
                response, "messages" if isinstance(response.value, list) else "output"
            )


def read_flattened(facts: SpanFacts) -> None:
    """Set flattened messages if the documents lack some facts: rebuilding them is the costliest step."""
    if facts.operation not in _MESSAGE_OPERATIONS:
        _read_lists(facts)
    if not facts.flattened:
        return
    request = response = None
    if facts.request is None or facts.input_text is None:
        request = _messages(facts, "llm.input_messages.")
    if facts.response is None or facts.output_text is None or not facts.finish_reasons:
        response = _messages(facts, "llm.output_messages.") or _choices(facts)
    tools = (
        as_content([_tool(tool) for tool in indexed_list(facts.flattened, "llm.tools.")]) if request else None
    )
    set_messages(facts, messages=request, answers=response, tools=tools)


def _read_lists(facts: SpanFacts) -> None:
    """Set the inputs of embeddings, the query and the documents of searches; vectors are not stored."""
    query = facts.attributes.get("reranker.query")
    given = as_content(indexed_list(facts.flattened, "reranker.input_documents."))
    if facts.request is None and (query or given is not None):
        top_k = facts.attributes.get("reranker.top_k")
        facts.request = search_body(query, given, None if top_k is None else {"top_k": top_k})
        facts.input_text = facts.input_text or plain_text(query)
    texts = [
        text
        for entry in indexed_list(facts.flattened, "embedding.embeddings.")
        if isinstance(entry, dict) and isinstance(inner := entry.get("embedding"), dict)
        if isinstance(text := inner.get("text"), str)
    ]
    if facts.request is None and (request := as_content(texts)) is not None:
        facts.request = document_body(request, "input")
        facts.input_text = facts.input_text or texts[-1]
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        found = as_content(indexed_list(facts.flattened, prefix))
        if facts.response is None and found is not None:
            facts.response = document_body(found, "documents")


def _messages(facts: SpanFacts, prefix: str) -> Content | None:
    return as_content([_message(entry) for entry in indexed_list(facts.flattened, prefix)])


def _message(entry: Json) -> Json:
    """Return a message without its wrappers: `{"message": {"contents": [{"message_content": …}]}}`."""
    message = entry.get("message") if isinstance(entry, dict) else None
    if not isinstance(message, dict):
        return entry
    parts = message.pop("contents", None)
    if isinstance(parts, list):
        message["content"] = [
            part.get("message_content", part) if isinstance(part, dict) else part for part in parts
        ]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [
            call.get("tool_call", call) if isinstance(call, dict) else call for call in calls
        ]
    return message


def _choices(facts: SpanFacts) -> Content | None:
    """Return the answers of a text completion, `llm.choices.N.completion.text`, as messages."""
    answers: list[Json] = []
    for entry in indexed_list(facts.flattened, "llm.choices."):
        completion = entry.get("completion") if isinstance(entry, dict) else None
        if isinstance(completion, dict):
            answers.append({"role": "assistant", "content": completion.pop("text", None), **completion})
    return as_content(answers)


def _tool(entry: Json) -> Json:
    tool: JsonObject = entry if isinstance(entry, dict) else {}
    inner = tool.get("tool")
    schema = inner.get("json_schema") if isinstance(inner, dict) else tool.get("tool.json_schema")
    return (parse_json(schema) if isinstance(schema, str) else schema) or entry
