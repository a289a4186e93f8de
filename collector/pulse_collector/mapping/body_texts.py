"""Sets the texts of spans around calls (agents, chains, tools) from their bodies, if the dialect set none."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import orjson

from pulse_collector.facts.documents import request_text
from pulse_collector.facts.json_text import Json
from pulse_collector.facts.messages import last_answer_text
from pulse_collector.facts.span_facts import SpanFacts
from pulse_storage.rows import PREVIEW_CHARS

#: Members under which a dialect stores a value that is not an object.
_WRAPPERS = frozenset({"arguments", "result", "input", "output", "prompt", "messages", "documents"})
#: Only the beginning of a longer document becomes the text; it is not searched for messages.
_MAX_BYTES = 64 * 1024


def fill_texts(facts: SpanFacts) -> None:
    """Set the input and output text from the bodies: the last message in them, else their JSON.

    A tool's arguments contain no messages: a list shows their JSON.
    """
    if facts.input_text is None and facts.request is not None:
        facts.input_text = _text(facts.request, None if facts.operation == "execute_tool" else request_text)
    if facts.output_text is None and facts.response is not None:
        facts.output_text = _text(facts.response, last_answer_text)


def _text(body: bytes, message_of: Callable[[Json], str | None] | None) -> str | None:
    if len(body) > _MAX_BYTES:
        return _cut(body)
    try:
        document = cast(Json, orjson.loads(body))
    except ValueError:
        return None
    if isinstance(document, dict) and len(document) == 1 and (name := next(iter(document))) in _WRAPPERS:
        document = document[name]
    if isinstance(document, str):
        return document or None
    if document is None:
        return None
    text = message_of(document) if message_of is not None else None
    return text or _cut(orjson.dumps(document))


def _cut(written: bytes) -> str:
    text = written[: 4 * PREVIEW_CHARS].decode(errors="ignore")
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"
