"""Reads requests and responses in the providers' own formats.

Supports OpenAI's chat completions, completions, responses and embeddings (and OpenRouter's additions),
Anthropic's messages, Google's generateContent, Bedrock's converse, and the results of LangChain.
"""

from __future__ import annotations

from pulse_collector.facts.json_text import Json, JsonObject, parse_json
from pulse_collector.facts.messages import (
    first_answer_text,
    last_answer_text,
    last_user_text,
    message_text,
    text_of,
)
from pulse_collector.facts.reported_costs import (
    read_reported_cost,
)
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_of_document, is_gemini_usage

#: Members of requests with the user's input, in order of preference.
_REQUEST_MEMBERS = ("messages", "input", "prompt", "contents", "inputs", "query", "question", "user_msg")
#: Types of documents that are only a part of a response: items of OpenAI's responses, tool calls, LangChain's
#: messages.
_PARTS = frozenset(
    {"reasoning", "function", "mcp_approval_request", "mcp_list_tools", "ai", "AIMessageChunk"}
)
#: Members that only a whole response has.
_ANSWER = frozenset({"model", "stop_reason", "usage"})


def read_request(facts: SpanFacts, document: Json) -> None:
    """Set the requested model, the user id and the last user text from a request."""
    if isinstance(document, dict):
        read_parameters(facts, document)
    facts.input_text = facts.input_text or request_text(document)


def request_text(document: Json) -> str | None:
    """Return the last user text of a request in a provider's format, of messages, or of an agent's input."""
    if not isinstance(document, dict):
        return last_user_text(document) if document else None
    content = next((value for key in _REQUEST_MEMBERS if (value := document.get(key))), None)
    return (
        request_text(content)
        if isinstance(content, dict) and "parts" not in content
        else last_user_text(content)
    )


def read_parameters(facts: SpanFacts, parameters: JsonObject) -> None:
    """Set the requested model, the user id and the requested service tier from parameters of a request."""
    facts.fill("model_requested", parameters.get("model") or parameters.get("model_name"))
    facts.fill("user_id", parameters.get("user"))
    facts.fill("user_id", nested_document(parameters, "metadata").get("user_id"))
    facts.fill_billing("service_tier", _service_tier(parameters), requested=True)
    facts.fill_billing("speed", parameters.get("speed"), requested=True)
    facts.fill_billing("inference_geo", parameters.get("inference_geo"), requested=True)


def read_response(facts: SpanFacts, document: Json) -> None:
    """Set id, model, finish reasons, text, usage and reported cost from a response."""
    if not isinstance(document, dict):
        facts.output_text = facts.output_text or first_answer_text(document)
        return
    if "generations" in document:
        _read_langchain(facts, document)
        return
    if not _is_part(document):
        facts.fill(
            "provider_request_id", document.get("id") or _either(document, "responseId", "response_id")
        )
    facts.fill("model_used", document.get("model") or _either(document, "modelVersion", "model_version"))
    usage = document.get("usage") or document.get("usageMetadata") or document.get("usage_metadata")
    if not usage and "eval_count" in document:
        # Ollama's native response has its counts at the top level, with durations.
        usage = {name: document.get(name) for name in ("prompt_eval_count", "eval_count")}
    read_usage(facts, usage)
    facts.fill_billing("service_tier", _service_tier(document))
    text, reasons = _answer(document)
    facts.output_text = facts.output_text or text or _other_answer(document)
    if not facts.finish_reasons:
        facts.finish_reasons = reasons


def _other_answer(document: JsonObject) -> str | None:
    """Return the answer's text in a framework's format: a whole conversation, or only a text."""
    if isinstance(document.get("messages"), list):
        return last_answer_text(document)
    output = document.get("output")
    return output if isinstance(output, str) and output else None


def _is_part(document: JsonObject) -> bool:
    """Return whether a document is an item of a response, whose id is not the response id.

    Anthropic's whole response has the item type `message` too, but also a model.
    """
    kind = document.get("type")
    if not isinstance(kind, str):
        return str(document.get("object")).startswith("thread.")
    return (
        kind in _PARTS
        or kind.endswith(("_call", "_call_output"))
        or (kind == "message" and document.keys().isdisjoint(_ANSWER))
    )


def _either(document: JsonObject, camel: str, snake: str) -> Json:
    """Return a member of one of Google's documents, in camel case or in snake case."""
    return document.get(camel) or document.get(snake)


def read_usage(facts: SpanFacts, usage: Json) -> None:
    """Set counts, reported cost and terms of billing from a provider's usage object."""
    counts = counts_of_document(usage)
    if isinstance(usage, dict):
        if is_gemini_usage(usage):
            # Attributes repeat only the counts of prompt and candidates, without tools and thoughts.
            facts.counts.update(counts)
        facts.fill_billing("service_tier", usage.get("service_tier") or _traffic_tier(usage))
        facts.fill_billing("speed", usage.get("speed"))
        facts.fill_billing("inference_geo", usage.get("inference_geo"))
    facts.fill_counts(counts)
    read_reported_cost(facts, usage)


def _service_tier(document: JsonObject) -> Json:
    """Return the service tier of OpenAI's response, or of Bedrock's, which is an object."""
    tier = document.get("service_tier") or document.get("serviceTier")
    return tier.get("type") if isinstance(tier, dict) else tier


def _traffic_tier(usage: JsonObject) -> Json:
    """Return Vertex' traffic type in lower case; None if it is absent or unspecified."""
    traffic = usage.get("trafficType") or usage.get("traffic_type")
    return traffic.lower() if isinstance(traffic, str) and "UNSPECIFIED" not in traffic else None


def _answer(document: JsonObject) -> tuple[str, list[str]]:
    """Return the first choice's text and the finish reasons of all choices."""
    choices = document.get("choices")
    if isinstance(choices, list):
        return _choices(choices)
    candidates = document.get("candidates")
    if isinstance(candidates, list):
        return _candidates(candidates)
    output = document.get("output")
    if isinstance(output, list):
        return _responses(document, output)
    if isinstance(output, dict):
        return message_text(output.get("message") or output), _texts(document.get("stopReason"))
    if "content" in document or "parts" in document:
        reasons = document.get("stop_reason") or document.get("finish_reason")
        return message_text(document), _texts(reasons)
    for key in ("combined_chunk_content", "text"):
        # The format of Logfire's first version, for streams and completions.
        text = document.get(key)
        if isinstance(text, str):
            return text, _texts(document.get("finish_reason"))
    message = document.get("message")
    if isinstance(message, dict):
        return message_text(message), _texts(document.get("done_reason") or document.get("finish_reason"))
    return "", []


def _choices(choices: list[Json]) -> tuple[str, list[str]]:
    text, reasons = "", list[str]()
    for index, choice in enumerate(choices):
        if not isinstance(choice, dict):
            continue
        reasons += _texts(choice.get("finish_reason"))
        if index == 0:
            text = message_text(choice.get("message") or choice.get("delta") or choice)
    return text, reasons


def _candidates(candidates: list[Json]) -> tuple[str, list[str]]:
    text, reasons = "", list[str]()
    for index, candidate in enumerate(candidates):
        if not isinstance(candidate, dict):
            continue
        reasons += _texts(candidate.get("finishReason") or candidate.get("finish_reason"))
        if index == 0:
            text = message_text(candidate.get("content"))
    return text, reasons


def _responses(document: JsonObject, output: list[Json]) -> tuple[str, list[str]]:
    """Return text and finish reason of OpenAI's responses, which imply the reason by status and items."""
    text, calls = "", False
    for item in output:
        if not isinstance(item, dict):
            continue
        if item.get("type") == "message":
            text += text_of(item.get("content"))
        calls = calls or str(item.get("type", "")).endswith("_call")
    incomplete = document.get("incomplete_details")
    reason = incomplete.get("reason") if isinstance(incomplete, dict) else None
    if reason:
        return text, _texts(reason)
    if document.get("status") == "completed":
        return text, ["tool_calls" if calls and not text else "stop"]
    return text, []


def _read_langchain(facts: SpanFacts, document: JsonObject) -> None:
    """Set facts from LangChain's `LLMResult`: its first generation's message has the provider's metadata."""
    generations = document.get("generations")
    first: Json = generations
    while isinstance(first, list):
        first = first[0] if first else None
    if not isinstance(first, dict):
        return
    message = first.get("message")
    body = message.get("kwargs") or message.get("data") if isinstance(message, dict) else None
    body = body if isinstance(body, dict) else {}
    meta = body.get("response_metadata")
    meta = meta if isinstance(meta, dict) else {}
    info = first.get("generation_info")
    info = info if isinstance(info, dict) else {}
    llm_output = document.get("llm_output")
    llm_output = llm_output if isinstance(llm_output, dict) else {}
    for source in (meta, llm_output):
        facts.fill("provider_request_id", source.get("id"))
        facts.fill("model_used", source.get("model_name") or source.get("model"))
        facts.fill("provider", source.get("model_provider"))
    for usage in (body.get("usage_metadata"), meta.get("token_usage"), meta.get("usage")):
        read_usage(facts, usage)
    facts.fill_billing("service_tier", _service_tier(meta))
    if not facts.finish_reasons:
        reason = meta.get("finish_reason") or meta.get("stop_reason") or info.get("finish_reason")
        facts.finish_reasons = _texts(reason)
    text = text_of(body.get("content")) if body else ""
    if not facts.finish_reasons and meta.get("status") == "completed":
        # OpenAI's responses have no finish reason: it follows from their items.
        facts.finish_reasons = ["tool_calls" if body.get("tool_calls") and not text else "stop"]
    facts.output_text = facts.output_text or text or text_of(first.get("text")) or None


def _texts(value: Json) -> list[str]:
    return [value] if isinstance(value, str) and value else []


def nested_document(document: JsonObject, key: str) -> JsonObject:
    """Return an object in a document, also one written as JSON text; empty if there is none."""
    value = document.get(key)
    parsed = parse_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict) else {}
