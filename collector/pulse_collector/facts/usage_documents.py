"""Reads token counts from usage objects: of the providers, and with any names of members."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_collector.facts.attributes import as_count
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.usage import Counts, cache_writes
from pulse_collector.facts.usage_names import CountColumn, member_column


def count_of(value: Json) -> int | None:
    """Return a token count from a value of a JSON document; None if it is no count."""
    return None if isinstance(value, list | dict) else as_count(value)


def counts_named(usage: JsonObject, names: Mapping[CountColumn, str]) -> Counts:
    """Return the counts under these member names of a usage object."""
    counts: Counts = {}
    for column, name in names.items():
        count = count_of(usage.get(name))
        if count is not None:
            counts[column] = count
    return counts


def counts_of_document(usage: Json) -> Counts:
    """Return the counts of a provider's own `usage` object, with input that includes cached tokens."""
    if not isinstance(usage, dict):
        return {}
    if is_gemini_usage(usage):
        return _gemini(usage)
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        counts = _openai_chat(usage)
    elif "cacheReadInputTokens" in usage or "cacheWriteInputTokens" in usage:
        return _bedrock(usage)
    elif "input_token_details" in usage or "output_token_details" in usage:
        counts = _langchain(usage)
    elif "input_tokens" in usage or "output_tokens" in usage:
        counts = _anthropic_or_responses(usage)
    else:
        return counts_by_name(usage)
    # Top-level members with other names: cache hits of DeepSeek (`prompt_cache_hit_tokens`) and Moonshot
    # (`cached_tokens`), and parts that a proxy adds.
    for column, count in counts_by_name(usage).items():
        counts.setdefault(column, count)
    return counts


def is_gemini_usage(usage: JsonObject) -> bool:
    """Return whether the object is Google's `usageMetadata`, which is complete: no other source is read."""
    return not _GEMINI_NAMES.isdisjoint(usage)


_GEMINI_NAMES = frozenset(
    {"promptTokenCount", "prompt_token_count", "candidatesTokenCount", "candidates_token_count"}
)


def counts_by_name(usage: JsonObject) -> Counts:
    """Return the counts in an object and its nested objects by the words of their names, not normalized."""
    counts: Counts = {}
    for name, value in usage.items():
        if isinstance(value, dict):
            for inner, one in value.items():
                _fill_by_name(counts, f"{name}.{inner}", one)
        else:
            _fill_by_name(counts, name, value)
    return counts


def _fill_by_name(counts: Counts, name: str, value: Json) -> None:
    if (column := member_column(name)) is not None and (count := count_of(value)) is not None:
        counts.setdefault(column, count)


def _openai_chat(usage: JsonObject) -> Counts:
    inputs = _object(usage, "prompt_tokens_details")
    outputs = _object(usage, "completion_tokens_details")
    return _counts(
        input=usage.get("prompt_tokens"),
        output=usage.get("completion_tokens"),
        total=usage.get("total_tokens"),
        cache_read=inputs.get("cached_tokens"),
        cache_write=inputs.get("cache_write_tokens"),
        reasoning=outputs.get("reasoning_tokens"),
        input_audio=inputs.get("audio_tokens"),
        input_image=inputs.get("image_tokens"),
        output_audio=outputs.get("audio_tokens"),
        output_image=outputs.get("image_tokens"),
    )


def _anthropic_or_responses(usage: JsonObject) -> Counts:
    inputs = _object(usage, "input_tokens_details")
    outputs = _object(usage, "output_tokens_details")
    lifetimes = _object(usage, "cache_creation")
    counts = _counts(
        input=usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        total=usage.get("total_tokens"),
        cache_read=usage.get("cache_read_input_tokens", inputs.get("cached_tokens")),
        cache_write=usage.get("cache_creation_input_tokens", inputs.get("cache_write_tokens")),
        cache_write_5m=lifetimes.get("ephemeral_5m_input_tokens"),
        cache_write_1h=lifetimes.get("ephemeral_1h_input_tokens"),
        reasoning=outputs.get("reasoning_tokens", outputs.get("thinking_tokens")),
        input_audio=inputs.get("audio_tokens"),
        input_image=inputs.get("image_tokens"),
        output_audio=outputs.get("audio_tokens"),
        output_image=outputs.get("image_tokens"),
    )
    # Anthropic's input excludes cache reads and writes; OpenAI's includes them.
    if lifetimes or "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
        _include_cache(counts)
    return counts


def _gemini(usage: JsonObject) -> Counts:
    def pick(camel: str, snake: str) -> Json:
        return usage.get(camel, usage.get(snake))

    prompt = pick("promptTokensDetails", "prompt_tokens_details")
    tools = pick("toolUsePromptTokensDetails", "tool_use_prompt_tokens_details")
    candidates = pick("candidatesTokensDetails", "candidates_tokens_details") or pick(
        "responseTokensDetails", "response_tokens_details"
    )
    counts = _counts(
        input=pick("promptTokenCount", "prompt_token_count"),
        output=pick("candidatesTokenCount", "candidates_token_count")
        or pick("responseTokenCount", "response_token_count"),
        total=pick("totalTokenCount", "total_token_count"),
        cache_read=pick("cachedContentTokenCount", "cached_content_token_count"),
        reasoning=pick("thoughtsTokenCount", "thoughts_token_count"),
        input_audio=_sum(_modality(prompt, "AUDIO"), _modality(tools, "AUDIO")),
        input_image=_sum(_modality(prompt, "IMAGE"), _modality(tools, "IMAGE")),
        output_audio=_modality(candidates, "AUDIO"),
        output_image=_modality(candidates, "IMAGE"),
    )
    # Results of server-side tools that were fed back to the model are input, and not in the prompt's count.
    fed_back = count_of(pick("toolUsePromptTokenCount", "tool_use_prompt_token_count"))
    if fed_back:
        counts["input"] = counts.get("input", 0) + fed_back
    # Google's candidates exclude thoughts; senders that imitate Google's format may include them.
    if "output" not in counts:
        if "reasoning" in counts:
            counts["output"] = counts["reasoning"]
    elif counts.get("total") != counts.get("input", 0) + counts["output"]:
        counts["output"] += counts.get("reasoning", 0)
    return counts


def _sum(one: Json, other: Json) -> Json:
    first, second = count_of(one), count_of(other)
    return first if second is None else (first or 0) + second


def _modality(details: Json, name: str) -> Json:
    """Return Google's count of one modality from a list with an entry for each modality."""
    entry = _entry(details, "modality", name)
    return entry.get("tokenCount", entry.get("token_count"))


def _entry(entries: Json, key: str, value: str) -> JsonObject:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get(key) == value:
            return entry
    return {}


def _bedrock(usage: JsonObject) -> Counts:
    counts = _counts(
        input=usage.get("inputTokens"),
        output=usage.get("outputTokens"),
        cache_read=usage.get("cacheReadInputTokens"),
        cache_write=usage.get("cacheWriteInputTokens"),
        cache_write_5m=_entry(usage.get("cacheDetails"), "ttl", "5m").get("inputTokens"),
        cache_write_1h=_entry(usage.get("cacheDetails"), "ttl", "1h").get("inputTokens"),
    )
    _include_cache(counts)
    return counts


def _langchain(usage: JsonObject) -> Counts:
    """Return LangChain's counts, or those of OpenAI's speech and realtime interfaces (the same names)."""
    inputs = _object(usage, "input_token_details")
    outputs = _object(usage, "output_token_details")
    lifetimes = [
        count
        for key in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        if (count := count_of(inputs.get(key))) is not None
    ]
    written = count_of(inputs.get("cache_creation"))
    return _counts(
        input=usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        total=usage.get("total_tokens"),
        cache_read=inputs.get("cache_read", inputs.get("cached_tokens")),
        # langchain-anthropic moves the writes into the counts by lifetime, and leaves 0 or nothing in their
        # sum.
        cache_write=max(written or 0, sum(lifetimes)) if lifetimes else written,
        cache_write_1h=inputs.get("ephemeral_1h_input_tokens"),
        reasoning=outputs.get("reasoning", outputs.get("reasoning_tokens")),
        input_audio=inputs.get("audio", inputs.get("audio_tokens")),
        input_image=inputs.get("image", inputs.get("image_tokens")),
        output_audio=outputs.get("audio", outputs.get("audio_tokens")),
        output_image=outputs.get("image", outputs.get("image_tokens")),
    )


def _include_cache(counts: Counts) -> None:
    if "input" in counts:
        counts["input"] += counts.get("cache_read", 0) + (cache_writes(counts) or 0)


def _counts(**values: Json) -> Counts:
    counts: dict[str, int] = {}
    for column, value in values.items():
        count = count_of(value)
        if count is not None:
            counts[column] = count
    return counts  # pyright: ignore[reportReturnType]  # the keywords above are CountColumns


def _object(document: JsonObject, key: str) -> JsonObject:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
