"""OpenInference (Arize): whole requests and responses in `input.value` and `output.value`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import (
    built,
    read_first_event,
    read_missing_content,
    search_body,
    set_messages,
)
from pulse_collector.facts.content import Content, content_of, document_body, plain_text, with_member
from pulse_collector.facts.documents import read_parameters, read_request, read_response
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import Json, JsonObject, parse_json, parse_object
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage import count_of

_LLAMA_INDEX = "openinference.instrumentation.llama_index"
#: Operations whose content is messages.
_MESSAGE_OPERATIONS = frozenset({"chat", "text_completion"})


def read(facts: SpanFacts) -> None:
    """Set facts from the provider's documents, then from the flattened messages."""
    attributes = facts.attributes
    prompts = _prompts(facts)
    if facts.operation == "chat" and prompts:
        facts.operation = "text_completion"
        facts.input_text = prompts[-1]
    if facts.scope == _LLAMA_INDEX and "._" in facts.name:
        # Internal steps of a call: `OpenAI._prepare_chat_with_tools`.
        facts.operation, facts.model_call = "task", False
    parameters = parse_object(attributes.get("llm.invocation_parameters"))
    facts.custom.update(parse_object(attributes.get("metadata")))
    asked = _document(facts, "input.value", "llm.input_messages.")
    answered = _document(facts, "output.value", "llm.output_messages.")
    if facts.scope == "openinference.instrumentation.bedrock":
        facts.input_excludes_cache = _bedrock_input_excludes_cache(facts, answered)
    if facts.model_call:
        _read_documents(facts, asked, answered)
        # OpenAI's agents write the whole response here.
        if "id" not in parameters:
            read_parameters(facts, parameters)
    facts.fill("user_id", facts.custom.get("user_id"))
    for name in ("session_id", "thread_id"):
        facts.fill("session_id", facts.custom.get(name))
    # OpenInference has one name for the model: the used one if there is a response, else the requested one.
    used = attributes.get("llm.model_name")
    has_used = "model_used" in facts.texts
    facts.fill("model_used" if _answered(facts) else "model_requested", used)
    if not has_used:
        facts.fill("model_requested", used)
    if facts.request is None and asked is not None:
        facts.request = document_body(asked, "messages" if isinstance(asked.value, list) else "input")
    if facts.response is None and answered is not None:
        facts.response = document_body(answered, "messages" if isinstance(answered.value, list) else "output")
    if asked is not None:
        facts.input_text = facts.input_text or plain_text(attributes.get("input.value"))
    _read_flattened(facts)
    facts.input_text = facts.input_text or plain_text(attributes.get("input.value"))
    facts.output_text = facts.output_text or plain_text(attributes.get("output.value"))
    read_missing_content(facts)
    _read_template(facts)
    if facts.events and "time_to_first_token_ms" not in facts.numbers:
        read_first_event(facts, "First Token Stream Event")
    if facts.model_call and facts.scope == "openinference.instrumentation.litellm":
        _read_route(facts)


def _document(facts: SpanFacts, key: str, prefix: str) -> Content | None:
    """Return a document; None if it is only a text of messages that the span also has flattened.

    LlamaIndex writes the `repr` of its messages, which loses parts of the flattened ones.
    """
    content = content_of(facts.attributes.get(key))
    if content is None or not _is_text(content.value):
        return content
    return None if _has_flattened(facts, prefix) else content


def _has_flattened(facts: SpanFacts, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in facts.flattened)


def _is_text(value: Json) -> bool:
    messages = value.get("messages") if isinstance(value, dict) else value
    if isinstance(value, dict) and isinstance(messages, list):
        return bool(messages) and all(isinstance(message, str) for message in messages)
    return isinstance(messages, str)


def _read_template(facts: SpanFacts) -> None:
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
        asked = content_of(facts.attributes.get("input.value"))
        if asked is None or asked.value != parameters.value:
            facts.request = with_member(facts.request or b"{}", "parameters", parameters)


def _prompts(facts: SpanFacts) -> list[str]:
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


def _bedrock_input_excludes_cache(facts: SpanFacts, answered: Content | None) -> bool:
    """Return whether Bedrock's input excludes cached tokens, as in the first versions.

    The response's document shows it if it has the usage; else the total, which includes cached tokens.
    """
    counts = facts.counts
    usage = answered.value.get("usage") if answered and isinstance(answered.value, dict) else None
    if isinstance(usage, dict) and "input_tokens" in usage:
        return count_of(usage["input_tokens"]) == counts.get("input")
    total = counts.get("total")
    return total is not None and total != counts.get("input", 0) + counts.get("output", 0)


def _read_route(facts: SpanFacts) -> None:
    """Set the provider from LiteLLM's model names, which begin with it: `anthropic/claude-sonnet-4-5`."""
    provider, slash, model = facts.texts.get("model_requested", "").partition("/")
    if slash:
        facts.texts["provider"], facts.texts["model_requested"] = provider, model
        if facts.texts.get("model_used") == f"{provider}/{model}":
            facts.texts["model_used"] = model


def _read_documents(facts: SpanFacts, asked: Content | None, answered: Content | None) -> None:
    if asked is not None:
        read_request(facts, asked.value)
        if isinstance(asked.value, dict) and "_raw" not in asked.value:
            facts.request = document_body(asked, "input")
    if answered is not None and isinstance(answered.value, dict | list):
        read_response(facts, answered.value)
        if "_raw" not in answered.value:
            facts.response = document_body(
                answered, "messages" if isinstance(answered.value, list) else "output"
            )


def _read_flattened(facts: SpanFacts) -> None:
    """Set flattened messages if the documents lack some facts: rebuilding them is the costliest step."""
    if facts.operation not in _MESSAGE_OPERATIONS:
        _read_lists(facts)
    if not facts.flattened:
        return
    asked = answered = None
    if facts.request is None or facts.input_text is None:
        asked = _messages(facts, "llm.input_messages.")
    if facts.response is None or facts.output_text is None or not facts.finish_reasons:
        answered = _messages(facts, "llm.output_messages.") or _choices(facts)
    tools = built([_tool(tool) for tool in indexed_list(facts.flattened, "llm.tools.")]) if asked else None
    set_messages(facts, messages=asked, answers=answered, tools=tools)


def _read_lists(facts: SpanFacts) -> None:
    """Set the inputs of embeddings, the query and the documents of searches; vectors are not stored."""
    query = facts.attributes.get("reranker.query")
    given = built(indexed_list(facts.flattened, "reranker.input_documents."))
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
    if facts.request is None and (asked := built(texts)) is not None:
        facts.request = document_body(asked, "input")
        facts.input_text = facts.input_text or texts[-1]
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        found = built(indexed_list(facts.flattened, prefix))
        if facts.response is None and found is not None:
            facts.response = document_body(found, "documents")


def _answered(facts: SpanFacts) -> bool:
    if facts.counts or facts.finish_reasons or facts.output_text:
        return True
    if facts.response is None and _has_flattened(facts, "llm.output_messages."):
        return True
    # LangChain writes a document without an answer for failed calls.
    return facts.response is not None and all(event.name != "exception" for event in facts.events)


def _messages(facts: SpanFacts, prefix: str) -> Content | None:
    return built([_message(entry) for entry in indexed_list(facts.flattened, prefix)])


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
    return built(answers)


def _tool(entry: Json) -> Json:
    tool: JsonObject = entry if isinstance(entry, dict) else {}
    inner = tool.get("tool")
    schema = inner.get("json_schema") if isinstance(inner, dict) else tool.get("tool.json_schema")
    return (parse_json(schema) if isinstance(schema, str) else schema) or entry


DIALECT = Dialect(
    name="openinference",
    scopes=("openinference",),
    markers=(
        "openinference.",
        "fi.span.kind",
        "gen_ai.span.kind",
        "input.value",
        "output.value",
        "llm.token_count.",
        "llm.input_messages.",
        "llm.output_messages.",
        "llm.model_name",
        "llm.prompts",
        "llm.tools.",
        "llm.choices.",
        "llm.cost.",
        "embedding.embeddings.",
        "retrieval.documents.",
        "reranker.",
    ),
    kind_key="openinference.span.kind",
    # The attribute's name in Future AGI and LoongSuite, and Future AGI's older name.
    kind_aliases=("gen_ai.span.kind", "fi.span.kind"),
    kinds={
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "CHAIN": "chain",
        "RETRIEVER": "retrieval",
        "RERANKER": "rerank",
        "GUARDRAIL": "guardrail",
        "EVALUATOR": "evaluator",
        "PROMPT": "prompt",
        "DECISION": "decision",
        "TASK": "task",
        "STEP": "agent_step",
        "ENTRY": "invoke_workflow",
        "WORKFLOW": "invoke_workflow",
        "VECTOR_DB": "retrieval",
        "CONVERSATION": "invoke_workflow",
        "UNKNOWN": "unknown",
    },
    texts={
        "provider": ("llm.provider", "llm.system"),
        "model_requested": ("llm.request.model_name", "embedding.model_name", "reranker.model_name"),
        "model_used": ("llm.response.model_name",),
        "session_id": ("session.id",),
        "user_id": ("user.id",),
    },
    counts={
        "input": ("llm.token_count.prompt",),
        "output": ("llm.token_count.completion",),
        "total": ("llm.token_count.total",),
        "cache_read": (
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        "cache_write": ("llm.token_count.prompt_details.cache_write",),
        "reasoning": ("llm.token_count.completion_details.reasoning",),
        "input_audio": ("llm.token_count.prompt_details.audio",),
        "output_audio": ("llm.token_count.completion_details.audio",),
    },
    cost_usd=("llm.cost.total",),
    tags=("tag.tags",),
    finish_reasons=("llm.finish_reason",),
    content=(
        "input.value",
        "input.mime_type",
        "output.value",
        "output.mime_type",
        "metadata",
        "llm.model_name",
        "llm.prompts",
        "reranker.query",
        "reranker.top_k",
        "llm.prompt_template.template",
        "llm.prompt_template.variables",
        "llm.function_call",
        "tool_call.function.arguments",
        "tool.parameters",
    ),
    content_prefixes=(
        "llm.input_messages.",
        "llm.output_messages.",
        "llm.tools.",
        "llm.prompts.",
        "llm.choices.",
        "embedding.embeddings.",
        "retrieval.documents.",
        "reranker.input_documents.",
        "reranker.output_documents.",
    ),
    read=read,
    extends=OTEL_GENAI,
)
