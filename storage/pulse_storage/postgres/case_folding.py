"""Case-insensitive search of any script, by a regular expression that does not depend on the locale."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

_LONGEST_FOLD = 3


def folded_pattern(text: str) -> str:
    """Return a PostgreSQL regular expression for texts whose `str.casefold` equals that of `text`."""
    folded = text.casefold()
    spellings = _spellings()
    parts: list[str] = []
    at = 0
    while at < len(folded):
        # One character may fold to several, as ß does to ss, and then matches all of them.
        for length in range(_LONGEST_FOLD, 0, -1):
            piece = folded[at : at + length]
            if length == 1 or (len(piece) == length and piece in spellings):
                letters = "".join(_any_of([letter, *spellings.get(letter, ())]) for letter in piece)
                parts.append(letters if length == 1 else f"(?:{letters}|{_any_of(spellings[piece])})")
                at += length
                break
    return "".join(parts)


def _any_of(characters: Iterable[str]) -> str:
    escaped = [re.sub(r"([^\w\s])", r"\\\1", character) for character in characters]
    return escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"


@cache
def _spellings() -> dict[str, list[str]]:
    """Return the characters that fold to a text, by that text. Takes a third of a second, once."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        folded = character.casefold()
        if folded != character:
            found[folded].append(character)
    return dict(found)
