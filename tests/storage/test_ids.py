"""Conversion of row ids to UUIDs."""

from __future__ import annotations

import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.ids import shown_id


@given(st.binary(min_size=16, max_size=16))
def test_shown_id_is_the_uuid_of_these_bytes(id: bytes) -> None:
    shown, usual = shown_id(id), UUID(bytes=id)
    assert shown == usual
    assert str(shown) == str(usual)
    assert shown.bytes == id
    assert hash(shown) == hash(usual)
    assert shown.is_safe is usual.is_safe
    assert pickle.loads(pickle.dumps(shown)) == usual


def test_shown_id_is_immutable() -> None:
    with pytest.raises(TypeError):
        shown_id(bytes(16)).int = 1  # pyright: ignore[reportAttributeAccessIssue]
