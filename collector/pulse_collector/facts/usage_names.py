"""Recognises names of token counts by their words instead of a list of spellings.

`gen_ai.usage.input_tokens.cached`, `llm.usage.cache_read_input_tokens` and `cachedContentTokenCount` are all
tokens that were read from a cache. A name with an unknown word is not a count.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

CountColumn = Literal[
    "input",
    "output",
    "total",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "input_audio",
    "input_image",
    "output_audio",
    "output_image",
]

#: Words, also in camel case; a number belongs to the letters that follow (`1h`).
_WORDS = re.compile(r"\d*[A-Z]+(?![a-z])|\d*[A-Z]?[a-z]+|\d+")

#: The meaning of each word. `unit`: no meaning. `apart`: the name is of a count that has no column.
_MEANINGS: dict[str, str] = {
    **dict.fromkeys(("input", "prompt"), "input"),
    **dict.fromkeys(("output", "completion", "candidates", "generated"), "output"),
    **dict.fromkeys(("cache", "cached"), "cache"),
    **dict.fromkeys(("read", "hit", "hits"), "read"),
    **dict.fromkeys(("write", "writes", "written", "creation", "created"), "write"),
    **dict.fromkeys(("reasoning", "thinking", "thought", "thoughts"), "reasoning"),
    "audio": "audio",
    "image": "image",
    "ephemeral": "write",
    "1h": "hour",
    "5m": "minutes",
    "total": "total",
    # Ollama's `prompt_eval_count` and `eval_count`.
    "eval": "eval",
    **dict.fromkeys(
        ("token", "tokens", "count", "details", "detail", "num", "experimental", "content"), "unit"
    ),
    **dict.fromkeys(("text", "video", "miss", "accepted", "rejected", "prediction"), "apart"),
}

#: Words before `usage` that do not change its meaning. `aggregated_usage` and `session.usage` are sums.
_NAMESPACES = frozenset({"gen", "ai", "genai", "llm", "openai", "anthropic", "response", "model"})
_COUNTED = frozenset({"tokens", "count"})


@lru_cache(maxsize=8192)
def count_column(key: str) -> CountColumn | None:
    """Return the column of the count that an attribute with this key contains; None if it is not a count.

    A count is a member of usage (`gen_ai.usage.…`, `llm.token_count.…`), or its name ends in `tokens`.
    """
    if len(key) > 128:
        return None
    words = _words(key)
    if "usage" in words:
        place = words.index("usage")
        return _column(words[place + 1 :]) if _NAMESPACES.issuperset(words[:place]) else None
    if words[:3] == ["llm", "token", "count"]:
        return _column(words[3:])
    # Without a word before it, `eval_count` may be a number of evaluations.
    if len(words) > 1 and words[-1] in _COUNTED and words[0] != "eval":
        return _column([word for word in words if word not in _NAMESPACES])
    return None


@lru_cache(maxsize=8192)
def is_usage_object(key: str) -> bool:
    """Return whether an attribute with this key is a usage object: `gen_ai.usage`, `llm.token.counts`."""
    if len(key) > 128:
        return False
    words = _words(key)
    if words[:-2] == ["llm"] and words[-2:] == ["token", "counts"]:
        return True
    while words and words[-1] in ("raw", "metadata", "details", "object"):
        words.pop()
    return len(words) > 1 and words[-1] == "usage" and _NAMESPACES.issuperset(words[:-1])


@lru_cache(maxsize=8192)
def member_column(name: str) -> CountColumn | None:
    """Return the column of the count that a usage object has under this member name, or None."""
    return None if len(name) > 128 else _column(_words(name))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _column(words: list[str]) -> CountColumn | None:
    meanings = {_MEANINGS.get(word, "apart") for word in words}
    # A name that ends in `details` is the name of an object of counts.
    if not words or words[-1] in ("details", "detail") or "apart" in meanings:
        return None
    meanings.discard("unit")
    return _COLUMNS.get(frozenset(meanings))


def _columns() -> dict[frozenset[str], CountColumn]:
    """Return the columns by the set of meanings in their names; input and output may be implied."""
    columns: dict[frozenset[str], CountColumn] = {
        frozenset({"total"}): "total",
        frozenset({"input", "eval"}): "input",
        frozenset({"eval"}): "output",
    }
    for side in ("input", "output"):
        columns[frozenset({side})] = columns[frozenset({side, "total"})] = side
        for modality in ("audio", "image"):
            column: CountColumn = f"{side}_{modality}"  # pyright: ignore[reportAssignmentType]
            columns[frozenset({side, modality})] = column
    named: tuple[tuple[CountColumn, str, tuple[tuple[str, ...], ...]], ...] = (
        ("cache_read", "input", (("cache", "read"), ("cache",))),
        ("cache_write", "input", (("cache", "write"),)),
        ("cache_write_5m", "input", (("cache", "write", "minutes"), ("write", "minutes"))),
        ("cache_write_1h", "input", (("cache", "write", "hour"), ("write", "hour"))),
        ("reasoning", "output", (("reasoning",),)),
    )
    for column, side, spellings in named:
        for spelling in spellings:
            columns[frozenset(spelling)] = columns[frozenset({*spelling, side})] = column
            columns[frozenset({*spelling, "total"})] = column
    return columns


_COLUMNS = _columns()
