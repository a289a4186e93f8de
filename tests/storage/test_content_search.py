from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.storage.model import strings

from pulse_storage.content.search import Needle

_LETTERS = st.text(st.sampled_from('aB1 "\\/\n\x00é日😀:{'), max_size=6)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | _LETTERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_LETTERS, inner, max_size=4),
)


@given(_DOCUMENTS, _LETTERS.filter(bool), st.booleans(), st.sampled_from([None, 1]))
def test_document_contains_what_one_of_its_strings_contains(
    value: object, text: str, ensure_ascii: bool, indent: int | None
) -> None:
    document = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()
    expected = any(text.casefold() in string.casefold() for string in strings(value))
    assert Needle(text).in_document(document) is expected


@pytest.mark.parametrize(
    ("text", "document", "found"),
    [
        ("key", '{"key": "value"}', False),
        ("VALUE", '{"key": "Value"}', True),
        ("key", '{"x": "key" , "y": ["key"]}', True),
        ("key", '{"key"\t:\n "x"}', False),
        ('"no"', '{"a": "say \\"NO\\""}', True),
        ("a, b", '["a", "b"]', False),
        ("ä", '["\\u00C4"]', True),
        ("a/b", '["a\\/b"]', True),
        ("😀", '["\\ud83d\\ude00"]', True),
        ("alone", '["\\ud83d alone"]', True),
        ("\\u00e4", '["ä"]', False),
        ("12", "[12]", False),
        ("text", '"text"', True),
        ("cut", '{"a": ["it was cut", "her', True),
        ("x", "", False),
    ],
)
def test_escaped_strings_are_found_unescaped(text: str, document: str, found: bool) -> None:
    assert Needle(text).in_document(document.encode()) is found


def test_long_string_with_many_escapes_is_searched() -> None:
    document = json.dumps({"a": '"\n\\' * 500_000 + "end", "end": 1}).encode()
    assert Needle("\\END").in_document(document)
    assert not Needle("\\ende").in_document(document)


def test_plain_text_is_searched_verbatim() -> None:
    assert Needle("öL").in_text("ÖL".encode())
    assert not Needle("\n").in_text(b"\\n")
