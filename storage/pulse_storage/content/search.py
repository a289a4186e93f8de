"""Looks for a text in content: in plain text, and in every text within a JSON document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

#: The inside of a string, and the colon behind it if it is the name of a field. Possessive, so that long
#: strings full of escapes are matched in bounded memory.
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"(\s*+:)?', re.DOTALL)
#: Characters that a document may hold as an escape other than \uXXXX.
_ESCAPED = re.compile(r'["\\/\x00-\x1f]')

#: Tells whether a text (UTF-8) holds what is looked for.
_Holds = Callable[[bytes], bool]


class Needle:
    """A text to look for, any case. Case is folded as in previews: ASCII for ASCII texts, else Unicode's."""

    def __init__(self, text: str) -> None:
        self._is_plain = not _ESCAPED.search(text)
        self._holds = _holds_ascii(text) if text.isascii() else _holds_folded(text)

    def in_text(self, text: bytes) -> bool:
        """Whether a text (UTF-8) holds it."""
        return self._holds(text)

    def in_document(self, document: bytes) -> bool:
        """Whether a text within a JSON document (UTF-8) holds it; names of fields are no texts.

        Bytes that are no JSON are looked through as far as they have strings.
        """
        # Most documents are done with here: what stands nowhere in the bytes stands in no string of theirs,
        # unless an escape hides it.
        if self._is_plain and b"\\u" not in document and not self._holds(document):
            return False
        return any(
            self._holds(_unescaped(string[1])) for string in _STRING.finditer(document) if not string[2]
        )


def _holds_ascii(text: str) -> _Holds:
    lowered = text.encode().lower()
    return lambda haystack: lowered in haystack.lower()


def _holds_folded(text: str) -> _Holds:
    folded = text.casefold()
    return lambda haystack: folded in haystack.decode(errors="replace").casefold()


def _unescaped(string: bytes) -> bytes:
    if b"\\" not in string:
        return string
    try:
        # Not orjson's: half a surrogate pair is JSON that it refuses.
        return json.loads(b'"' + string + b'"', strict=False).encode(errors="replace")
    except ValueError:
        return string
