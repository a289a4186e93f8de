"""Content-defined chunking: chunks are shared, stored once, and reassembled byte for byte."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.conversations import Conversations
from tests.support.rows import DAY_NS

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.chunking import MIN_CHUNK_BYTES, chunk_ends
from pulse_storage.content.documents import RecentDigests, SharedDocument, pack_document, week_of
from pulse_storage.content.placement import Placement
from pulse_storage.content.references import (
    Damaged,
    Extent,
    assemble,
    decode,
    encode,
    is_reference,
)

_DIALECTS: dict[str, Callable[[Conversations], Iterable[bytes]]] = {
    "chat": lambda make: make.chat(),
    "chat with tools": lambda make: make.chat(tools=make.tools()),
    "responses": lambda make: make.responses(),
    "agent": lambda make: make.agent(),
}


class Kept:
    """The stored blocks and chunks of one project."""

    def __init__(self) -> None:
        self.places: dict[bytes | None, Extent] = {}
        self.blocks: dict[int, bytes] = {}
        self.recent = RecentDigests()

    def add(self, document: bytes, *, recent: RecentDigests | None = None, start_ns: int = 0) -> bytes:
        packed = pack_document(document, "p", start_ns, self.recent if recent is None else recent)
        if isinstance(packed, bytes):
            return packed
        placement = Placement(self.places, count(len(self.blocks)))
        reference = placement.place(packed)
        self.blocks.update({block.id: block.packed for block in placement.blocks})
        return reference

    def read(self, stored: bytes) -> bytes:
        return assemble(decode(stored), self.blocks.get) if is_reference(stored) else unpack(stored)

    def block_bytes(self) -> int:
        return sum(map(len, self.blocks.values()))


@pytest.mark.parametrize("dialect", _DIALECTS)
@pytest.mark.parametrize("spaced", [False, True], ids=["close", "spaced"])
def test_conversation_costs_less_than_twice_its_final_turn(dialect: str, spaced: bool) -> None:
    turns = list(_DIALECTS[dialect](Conversations(spaced=spaced)))
    kept = Kept()
    stored = [kept.add(turn) for turn in turns]
    assert [kept.read(reference) for reference in stored] == turns
    cost = kept.block_bytes() + sum(map(len, stored)) + 50 * len(kept.places)
    assert cost < 2 * len(pack(turns[-1]))


@pytest.mark.parametrize("changes", [{"changing_system": True}, {"window": 10}], ids=str)
def test_chunks_after_a_change_are_shared(changes: dict[str, int]) -> None:
    turns = list(Conversations().chat(40, **changes))  # pyright: ignore[reportArgumentType]
    kept = Kept()
    stored = [kept.add(turn) for turn in turns]
    assert [kept.read(reference) for reference in stored] == turns
    assert kept.block_bytes() + sum(map(len, stored)) < sum(len(pack(turn)) for turn in turns) / 3


def test_tools_and_system_prompt_are_shared_between_conversations() -> None:
    make = Conversations()
    tools = make.tools()
    first, second = (next(iter(make.chat(1, tools=tools, system=0, user=900))) for _ in range(2))
    kept = Kept()
    kept.add(first)
    before = kept.block_bytes()
    kept.add(second)
    assert kept.block_bytes() - before < len(pack(second)) / 3


def test_next_turn_has_the_chunks_of_the_previous_turn() -> None:
    for make in _DIALECTS.values():
        for before, after in pairwise(map(_parts, make(Conversations()))):
            assert len([part for part in before if len(part) >= MIN_CHUNK_BYTES and part not in after]) <= 2


def _parts(document: bytes) -> list[bytes]:
    return [document[start:end] for start, end in pairwise([0, *chunk_ends(document)])]


@given(st.binary(max_size=2_000) | st.text('{}[]:," a', max_size=3_000).map(str.encode))
def test_chunks_have_a_useful_size(document: bytes) -> None:
    ends = chunk_ends(document)
    assert ends == sorted(set(ends))
    assert all(0 < end < len(document) for end in ends)
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert all(length >= MIN_CHUNK_BYTES / 2 for length in lengths)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=60,
)


@given(
    st.lists(st.lists(_JSON, max_size=12), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_document_reads_back_byte_for_byte(
    conversations: list[list[object]], forgets: bool, separators: tuple[str, str]
) -> None:
    kept = Kept()
    stored: list[tuple[bytes, bytes]] = []
    for said in conversations:
        for turn in range(len(said) + 1):
            messages = [{"role": "user", "content": one} for one in said[:turn]]
            body = {"model": "m", "messages": messages, "x": "y" * 2048}
            document = json.dumps(body, separators=separators)
            # Digests from another process, or from before a restart.
            recent = RecentDigests() if forgets and turn % 2 else None
            stored.append((document.encode(), kept.add(document.encode(), recent=recent)))
    for document, reference in stored:
        assert kept.read(reference) == document


def test_chunk_wrongly_expected_to_be_stored_is_stored() -> None:
    turns = list(Conversations().chat(3))
    recent = RecentDigests()
    for turn in turns[:2]:
        pack_document(turn, "p", 0, recent)
    kept = Kept()
    assert kept.read(kept.add(turns[2], recent=recent)) == turns[2]


def test_chunk_that_occurs_twice_in_a_document_is_stored_once() -> None:
    message = {"role": "user", "content": Conversations().text(20_000)}
    document = json.dumps({"messages": [{"role": "system"}, message, message, message, {"role": "user"}]})
    kept = Kept()
    assert kept.read(kept.add(document.encode())) == document.encode()
    assert kept.block_bytes() < len(pack(json.dumps(message).encode())) * 2.2


def test_small_documents_and_documents_without_lists_are_not_split() -> None:
    assert isinstance(pack_document(b'{"messages":[{"a":1},{"b":2}]}', "p", 0), bytes)
    assert isinstance(pack_document(json.dumps({"input": "word " * 5_000}).encode(), "p", 0), bytes)


def test_single_message_is_not_split_and_two_are() -> None:
    message = {"role": "user", "content": "x" * 5_000}
    one, two = ({"model": "m", "messages": [message] * times} for times in (1, 2))
    assert isinstance(pack_document(json.dumps(one).encode(), "p", 0), bytes)
    assert isinstance(pack_document(json.dumps(two).encode(), "p", 0), SharedDocument)


def test_digests_differ_by_project_and_by_week() -> None:
    document = next(iter(Conversations().chat(1, system=6_000)))
    digests = [
        {part.digest for part in packed.chunks if part.digest}
        for project, start_ns in (("p", 0), ("q", 0), ("p", 7 * DAY_NS))
        if isinstance(packed := pack_document(document, project, start_ns, RecentDigests()), SharedDocument)
    ]
    assert [len(one & other) for one in digests for other in digests if one is not other] == [0] * 6


def test_weeks_begin_on_monday() -> None:
    monday_ns = 4 * DAY_NS
    assert [week_of(ns) for ns in (monday_ns - 1, monday_ns, monday_ns + 7 * DAY_NS - 1)] == [-1, 0, 0]


def test_recent_digests_are_bounded() -> None:
    recent = RecentDigests(limit=100)
    for number in range(1_000):
        recent.add(number.to_bytes(16, "big"))
    assert recent.add((999).to_bytes(16, "big"))
    assert not recent.add((800).to_bytes(16, "big"))


def test_memory_of_a_long_list_is_linear() -> None:
    document = b'{"messages":[' + b",".join([b'{"role":"user","content":""}'] * 100_000) + b"]}"
    brackets = b'{"a":[' + b"},{" * 1_000_000
    for body in (document, brackets):
        tracemalloc.start()
        packed = pack_document(body, "p", 0, RecentDigests())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(packed, SharedDocument)
        assert peak < 4 * len(body)
        placement = Placement({}, count(1))
        reference = decode(placement.place(packed))
        blocks = {block.id: block.packed for block in placement.blocks}
        assert assemble(reference, blocks.get) == body


@given(
    st.integers(-(1 << 40), 1 << 40),
    st.integers(0, (1 << 32) - 1),
    st.lists(st.builds(Extent, st.integers(0, 1 << 62), st.integers(0, 1 << 30), st.integers(1, 1 << 30))),
)
def test_reference_reads_back(week: int, crc32: int, extents: list[Extent]) -> None:
    found = decode(encode(week, crc32, extents))
    assert (found.week, found.crc32) == (week, crc32)
    assert _bytes_of(found.extents) == _bytes_of(extents)


def _bytes_of(extents: list[Extent]) -> list[tuple[int, int, int]]:
    """Return the extents with adjacent ones joined."""
    joined: list[tuple[int, int, int]] = []
    for block, start, length in extents:
        if joined and joined[-1][0] == block and sum(joined[-1][1:]) == start:
            joined[-1] = (block, joined[-1][1], joined[-1][2] + length)
        else:
            joined.append((block, start, length))
    return joined


def test_damaged_content_raises() -> None:
    kept = Kept()
    document = next(iter(Conversations().chat(1, system=6_000)))
    reference = decode(kept.add(document))
    block = reference.extents[0].block
    whole = dict(kept.blocks)
    damages: dict[str, dict[int, bytes]] = {
        "missing": {},
        "cannot be unpacked": {**whole, block: whole[block][:-5]},
        "checksum": {**whole, block: pack(b"")},
    }
    for message, blocks in damages.items():
        with pytest.raises(Damaged, match=message):
            assemble(reference, blocks.get)
    with pytest.raises(Damaged, match="longer than a document"):
        assemble(reference._replace(extents=[Extent(block, 0, 1 << 31)]), whole.get)


@given(st.binary(max_size=40))
def test_damaged_reference_raises(noise: bytes) -> None:
    nothing: dict[int, bytes] = {}
    try:
        assemble(decode(b"\x01" + noise), nothing.get)
    except Damaged:
        pass
    else:
        assert not decode(b"\x01" + noise).extents
    with pytest.raises(Damaged):
        decode(pack(noise))
