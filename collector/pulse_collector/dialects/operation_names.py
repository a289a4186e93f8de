"""Spellings of operations: names of model calls, and words in names that are not calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

_SEPARATORS = re.compile(r"[^a-z0-9]+")
#: Names of model calls by operation, each with `_` between its words.
_CALLS: Mapping[str, tuple[str, ...]] = {
    "chat": (
        *("chat_completion", "chat_completions", "chat_completions_create", "chat_streaming_completions"),
        *("chat_model", "chat_stream", "stream_chat", "converse", "converse_stream"),
        *("response", "responses", "responses_create", "create_response"),
        *("message", "messages", "messages_create", "messages_stream", "create_message"),
        *("llm", "llm_call", "llm_request", "llm_response", "call_llm", "generation", "inference"),
        *("invoke_model", "invoke_model_with_response_stream", "model_request", "model_call"),
    ),
    "text_completion": (
        *("completion", "completions", "completions_create", "text_completions"),
        "text_streaming_completions",
    ),
    "generate_content": ("generate_content_stream", "stream_generate_content"),
    "embeddings": (
        *("embedding", "embed", "embed_content", "embed_documents", "embed_query", "embed_text"),
        *("embeddings_create", "create_embedding", "create_embeddings", "text_embedding"),
    ),
    "rerank": ("reranker", "reranking"),
    "image_generation": (
        *("image", "images", "image_generate", "images_generate", "generate_image", "generate_images"),
        "text_to_image",
    ),
    "image_edit": ("images_edit", "edit_image", "image_to_image"),
    "speech": (
        *("audio", "tts", "text_to_speech", "speech_synthesis", "synthesize", "synthesize_speech"),
        *("audio_speech", "speech_create", "generate_speech"),
    ),
    "transcription": (
        *("stt", "asr", "speech_to_text", "speech_recognition", "transcribe", "transcriptions"),
        *("audio_transcription", "audio_transcriptions"),
    ),
    "translation": ("translations", "audio_translation", "audio_translations"),
    "moderation": ("moderations", "moderate", "moderations_create"),
}
_OPERATION_BY_NAME = {name: operation for operation, names in _CALLS.items() for name in names}
#: A name with one of these words is of a step around calls, whose span repeats their usage.
_AROUND_CALLS = frozenset(
    {
        *("agent", "agents", "crew", "flow", "graph", "node", "workflow", "pipeline", "chain", "task"),
        *("step", "loop", "turn", "run", "session", "conversation", "thread", "team", "handoff"),
        *("tool", "tools", "function", "mcp", "memory", "plan", "retrieval", "retriever", "search"),
        *("guardrail", "evaluate", "evaluation", "evaluator", "batch", "file", "files"),
    }
)
#: A name with one of these words reads a stored response again, whose usage is that of an earlier call.
_READS_STORED = frozenset(
    {"fetch", "get", "retrieve", "list", "read", "poll", "wait", "cancel", "delete", "count"}
)


def spellings(operations: Iterable[str]) -> dict[str, str]:
    """Return the operation for each of these names and each known spelling of one."""
    return {**_OPERATION_BY_NAME, **{operation: operation for operation in operations}}


@lru_cache(maxsize=256)
def normal_name(name: str) -> str:
    """Return the name in lower case with `_` between its words: `Chat.Completions` is `chat_completions`."""
    return _SEPARATORS.sub("_", name.strip().lower())


def may_be_call(name: str, *, has_response_id: bool) -> bool:
    """Return whether an unknown operation with tokens may be one model call, by its name.

    With a response id, names of steps around calls are accepted, too.
    """
    words = normal_name(name).split("_")
    return _READS_STORED.isdisjoint(words) and (has_response_id or _AROUND_CALLS.isdisjoint(words))
