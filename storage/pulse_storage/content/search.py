"""Search content for a text: plain text, and every string value of a JSON document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

#: The inside of a string, and the colon after it if it is the name of a field. Possessive quantifiers: long
#: strings with many escapes match in bounded memory.
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"(\s*+:)?', re.DOTALL)
#: Characters that JSON may escape by other means than \uXXXX.
_ESCAPED = re.compile(r'["\\/\x00-\x1f]')

#: Returns True if a text (UTF-8) contains the needle.
_Contains = Callable[[bytes], bool]


class Needle:
    """A text to search for, case-insensitive: ASCII case for an ASCII text, else Unicode case folding."""

    def __init__(self, text: str) -> None:
        self._is_plain = not _ESCAPED.search(text)
        self._contains = _contains_ascii(text) if text.isascii() else _contains_folded(text)

    def in_text(self, text: bytes) -> bool:
        """Return True if a text (UTF-8) contains the needle."""
        return self._contains(text)

    def in_document(self, document: bytes) -> bool:
        """Return True if a string value of a JSON document (UTF-8) contains the needle; field names do not.

        In bytes that are not JSON, the parts between quotation marks are searched.
        """
        # Rules out most documents: without escapes, a text that the bytes lack is in none of their strings.
        if self._is_plain and b"\\u" not in document and not self._contains(document):
            return False
        return any(
            self._contains(_unescaped(string[1])) for string in _STRING.finditer(document) if not string[2]
        )


def _contains_ascii(text: str) -> _Contains:
    lowered = text.encode().lower()
    return lambda haystack: lowered in haystack.lower()


def _contains_folded(text: str) -> _Contains:
    folded = text.casefold()
    return lambda haystack: folded in haystack.decode(errors="replace").casefold()


def _unescaped(string: bytes) -> bytes:
    if b"\\" not in string:
        return string
    try:
        # Not orjson, which refuses lone surrogates.
        return json.loads(b'"' + string + b'"', strict=False).encode(errors="replace")
    except ValueError:
        return string
