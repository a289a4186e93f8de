"""Reads the providers' own documents: what was asked, and what was answered.

Knows OpenAI's chat completions, completions, responses and embeddings (and OpenRouter's additions),
Anthropic's messages, Google's generateContent, Bedrock's converse, and the results of LangChain.
"""

from __future__ import annotations

from pulse_collector.mapping.attributes import as_number
from pulse_collector.mapping.json_text import Json, JsonObject, parse_json
from pulse_collector.mapping.messages import first_answer_text, last_user_text, message_text, text_of
from pulse_collector.mapping.span_facts import SpanFacts
from pulse_collector.mapping.usage import counts_of_document


def read_request(facts: SpanFacts, document: Json) -> None:
    """Fill in the model asked for, the user it was asked for, and the last user text."""
    if isinstance(document, dict):
        read_parameters(facts, document)
        for key in ("messages", "input", "prompt", "contents", "inputs"):
            asked = document.get(key)
            if asked:
                facts.input_text = facts.input_text or last_user_text(asked) or None
                return
    elif document:
        facts.input_text = facts.input_text or last_user_text(document)


def read_parameters(facts: SpanFacts, parameters: JsonObject) -> None:
    """Fill in what stands beside the messages of a request: the model, and the end user's id."""
    facts.fill("model_requested", parameters.get("model") or parameters.get("model_name"))
    facts.fill("user_id", parameters.get("user"))
    facts.fill("user_id", nested_document(parameters, "metadata").get("user_id"))


def read_response(facts: SpanFacts, document: Json) -> None:
    """Fill in id, model, finish reasons, text, usage and the cost the provider states."""
    if not isinstance(document, dict):
        facts.output_text = facts.output_text or first_answer_text(document)
        return
    if "generations" in document:
        _read_langchain(facts, document)
        return
    facts.fill("provider_request_id", document.get("id") or _either(document, "responseId", "response_id"))
    facts.fill("model_used", document.get("model") or _either(document, "modelVersion", "model_version"))
    usage = document.get("usage") or document.get("usageMetadata") or document.get("usage_metadata")
    facts.fill_counts(counts_of_document(usage))
    read_reported_cost(facts, usage)
    text, reasons = _answer(document)
    facts.output_text = facts.output_text or text or None
    if not facts.finish_reasons:
        facts.finish_reasons = reasons


def _either(document: JsonObject, camel: str, snake: str) -> Json:
    """A member of one of Google's documents, which are written both ways."""
    return document.get(camel) or document.get(snake)


def read_reported_cost(facts: SpanFacts, usage: Json) -> None:
    """OpenRouter states what it charges, in dollars."""
    cost = usage.get("cost") if isinstance(usage, dict) else None
    if isinstance(cost, int | float):
        dollars = as_number(cost)
        if dollars:
            facts.numbers["cost_usd"] = dollars
            facts.cost_is_estimate = False


def _answer(document: JsonObject) -> tuple[str, list[str]]:
    """The first choice's text, and the reasons of all choices."""
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
    """OpenAI's responses have no finish reason: it follows from status and items."""
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
    """LangChain's `LLMResult`: the provider's facts lie in the first generation's message."""
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
        facts.fill_counts(counts_of_document(usage))
    read_reported_cost(facts, meta.get("token_usage"))
    if not facts.finish_reasons:
        reason = meta.get("finish_reason") or meta.get("stop_reason") or info.get("finish_reason")
        facts.finish_reasons = _texts(reason)
    text = text_of(body.get("content")) if body else ""
    if not facts.finish_reasons and meta.get("status") == "completed":
        # OpenAI's responses: what they ended for follows from what they hold.
        facts.finish_reasons = ["tool_calls" if body.get("tool_calls") and not text else "stop"]
    facts.output_text = facts.output_text or text or text_of(first.get("text")) or None


def _texts(value: Json) -> list[str]:
    return [value] if isinstance(value, str) and value else []


def nested_document(document: JsonObject, key: str) -> JsonObject:
    """An object in a document, itself or as JSON text; empty if there is none."""
    value = document.get(key)
    parsed = parse_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict) else {}
