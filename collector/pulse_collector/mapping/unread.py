"""Finds attributes that look like usage or messages and that no dialect reads, so that they are noticed.

An attribute that looks like messages is treated as content: it goes to the bodies, never to the metadata.
Only names are reported, never values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pulse_collector.facts.attributes import AttributeValue, as_count
from pulse_collector.facts.content import Content, content_of, with_member
from pulse_collector.facts.documents import request_text
from pulse_collector.facts.json_text import parse_object
from pulse_collector.facts.messages import first_answer_text
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_names import count_column

#: `maybe`: a name that is content only on a span that is known to be a gen-ai span.
UnreadKind = Literal["usage", "input", "output", "maybe input", "maybe output"]

#: The largest number of names that are reported for one span.
_MAX_NAMES = 32
_MAX_NAME_CHARS = 128

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[.:/]")
_INDEX = re.compile(r"(?<=[.])\d+(?=[.]|$)")
_TOKENS = frozenset({"token", "tokens"})
_SIDES = frozenset(
    {
        *("prompt", "completion", "input", "output", "total", "cached", "cache", "reasoning"),
        *("thoughts", "thinking", "candidates", "generated", "used", "usage"),
    }
)
_NO_USAGE = frozenset(
    {
        *("max", "min", "limit", "budget", "per", "rate", "price", "cost", "type", "id", "remaining"),
        *("request", "window", "estimated", "target", "allowed"),
    }
)
#: Parts of names that belong in the metadata: sums of an agent, differences between other counts.
_KEPT = ("aggregated_usage", "established_tokens")
_INPUTS = frozenset(
    {
        *("messages", "input_messages", "input_message", "request_messages", "prompt", "prompts"),
        *("chat_history", "message_history", "system_prompt", "user_prompt", "system_instructions"),
        *("system_message", "user_message", "chat_ctx", "input_text", "input_value", "llm_input"),
    }
)
_OUTPUTS = frozenset(
    {
        *("completion", "completions", "output_messages", "output_message", "response_text"),
        *("response_message", "response_messages", "response_content", "output_text", "output_value"),
        *("assistant_message", "generated_text", "llm_output"),
    }
)
_MAYBE: dict[str, UnreadKind] = {
    **dict.fromkeys(("input", "inputs"), "maybe input"),
    **dict.fromkeys(("output", "outputs", "transcript"), "maybe output"),
}


#: Prefixes of names of gen-ai events, and their attributes that are content on no other events.
_GEN_AI_EVENTS = ("gen_ai.", "genai.", "llm.", "ai.", "openai.", "anthropic.")
_EVENT_CONTENTS = frozenset({"content", "body", "message", "text"})


@lru_cache(maxsize=8192)
def unread_kind(key: str) -> UnreadKind | None:
    """Return what an attribute with this name seems to contain; None if neither usage nor messages."""
    name = _CAMEL.sub("_", key).lower().replace("-", "_")
    segments = [segment for segment in _SEPARATORS.split(name) if segment]
    # The segments of a flattened list before its first index are its name.
    index = next((at for at, segment in enumerate(segments) if segment.isdecimal()), None)
    flattened = index is not None
    segments = segments[:index]
    if not segments or any(part in name for part in _KEPT):
        return None
    if count_column(key) == "cache_write_5m":
        # A reader used it, but it has no column, so it is stored in the metadata too.
        return None
    last = segments[-1]
    both = "_".join(segments[-2:])
    words = frozenset(both.split("_"))
    if not flattened and words & _TOKENS and words & _SIDES and not words & _NO_USAGE:
        return "usage"
    if last in _INPUTS or both in _INPUTS:
        return "output" if both in _OUTPUTS else "input"
    if last in _OUTPUTS or both in _OUTPUTS:
        return "output"
    return _MAYBE.get(last)


def unread_names(metadata: str | None) -> list[str]:
    """Return the names that `read_unread` stored in the metadata of a row."""
    names = parse_object(metadata).get("unread") if metadata and '"unread"' in metadata else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def is_content(event: str, key: str) -> bool:
    """Return whether an attribute of an event may contain messages, by the names of both."""
    if unread_kind(key) not in (None, "usage"):
        return True
    return event.startswith(_GEN_AI_EVENTS) and _SEPARATORS.split(key.lower())[-1] in _EVENT_CONTENTS


def read_unread(facts: SpanFacts, keys: Sequence[tuple[str, UnreadKind]]) -> None:
    """Report the names of attributes with usage or messages, and move the messages to the bodies."""
    names: list[str] = []
    for key, kind in keys:
        if key not in facts.rest:
            # The dialect's reader used it.
            continue
        value = facts.attributes[key]
        if kind == "usage":
            if as_count(value):
                names.append(key)
            continue
        if kind.startswith("maybe") and facts.operation is None:
            continue
        content = _content(value)
        if content is not None:
            names.append(key)
            facts.rest.pop(key, None)
            _add(facts, key, content, is_output=kind.endswith("output"))
    reported = dict.fromkeys(_INDEX.sub("N", name)[:_MAX_NAME_CHARS] for name in names)
    facts.unread = tuple(reported)[:_MAX_NAMES]


def _content(value: AttributeValue) -> Content | None:
    return None if isinstance(value, int | float) else content_of(value)


def _add(facts: SpanFacts, key: str, content: Content, *, is_output: bool) -> None:
    if is_output:
        facts.response = with_member(facts.response or b"{}", key, content)
        facts.output_text = facts.output_text or first_answer_text(content.value)
    else:
        facts.request = with_member(facts.request or b"{}", key, content)
        facts.input_text = facts.input_text or request_text(content.value)
