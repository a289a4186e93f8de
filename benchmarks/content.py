"""Compares ways to store the repeated content of the turns of a conversation: disk and CPU.

    python -m benchmarks.content [--quick] [--conversations 20]

The first table packs request documents of twenty turns in memory and adds 50 bytes for each index entry. The
ways: whole, in parts (as Pulse does), each part alone, as a difference to the previous turn, and with a
dictionary trained on different conversations. For the second table, calls are stored in a real store, whole
and in parts.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, pairwise
from pathlib import Path

import zstandard
from rich.console import Console
from rich.table import Table
from tests.support.conversations import Conversations
from tests.support.rows import project, span

from benchmarks.quick import add_quick_option
from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.chunking import chunk_ends
from pulse_storage.content.documents import Packed, RecentDigests, SharedDocument, pack_document
from pulse_storage.content.placement import Placement
from pulse_storage.content.references import Extent, assemble, decode
from pulse_storage.queries.filters import Page, TraceFilter

#: The turns of one conversation.
Turns = Sequence[bytes]
_ENTRY_BYTES = 50
_DICTIONARY_BYTES = 64 * 1024
_ROWS_A_CALL = 50

_KINDS: dict[str, Callable[[Conversations], Iterable[bytes]]] = {
    "short chat": lambda make: make.chat(user=150, answer=600, system=400),
    "chat": lambda make: make.chat(),
    "chat with 12 tools": lambda make: make.chat(tools=make.tools()),
    "responses": lambda make: make.responses(),
    "agent (anthropic)": lambda make: make.agent(),
    "last 10 messages only": lambda make: make.chat(window=10),
    "system prompt with the time": lambda make: make.chat(changing_system=True),
}


@dataclass(slots=True)
class Cost:
    """The bytes and CPU seconds of all conversations of one kind, stored in one way."""

    size_bytes: int = 0
    receiving_s: float = 0.0
    writing_s: float = 0.0
    reading_s: float = 0.0


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=20, help="of each kind")
    add_quick_option(parser, conversations=6)
    options = parser.parse_args()
    table = Table("20 turns", "stored", "KB", "x final turn", "of raw", "receive µs/row", "write", "read")
    for kind, make in _KINDS.items():
        said = [list(make(Conversations(seed))) for seed in range(options.conversations)]
        _add_kind(table, kind, said)
    Console(width=110).print(table)
    asyncio.run(_store(options.conversations))


def _add_kind(table: Table, kind: str, said: Sequence[Turns]) -> None:
    final = sum(len(pack(turns[-1])) for turns in said)
    raw = sum(len(turn) for turns in said for turn in turns)
    rows = sum(map(len, said))
    ways: dict[str, Callable[[Sequence[Turns]], Cost]] = {
        "whole": _whole,
        "in parts": _in_parts,
        "each part alone": _alone,
        "difference": _difference,
        "dictionary": _dictionary,
    }
    for way, measure in ways.items():
        cost = measure(said)
        table.add_row(
            kind if way == "whole" else "",
            way,
            f"{cost.size_bytes / len(said) / 1e3:.1f}",
            f"{cost.size_bytes / final:.2f}",
            f"{cost.size_bytes / raw:.3f}",
            f"{cost.receiving_s / rows * 1e6:.0f}",
            f"{cost.writing_s / rows * 1e6:.0f}",
            f"{cost.reading_s / rows * 1e6:.0f}",
        )
    table.add_section()


def _whole(said: Sequence[Turns]) -> Cost:
    return _packed(said, pack, unpack)


def _packed(said: Sequence[Turns], pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]) -> Cost:
    cost = Cost()
    for turns in said:
        began_s = time.process_time()
        packed = [pack(turn) for turn in turns]
        cost.receiving_s += time.process_time() - began_s
        cost.size_bytes += sum(map(len, packed))
        began_s = time.process_time()
        assert [unpack(turn) for turn in packed] == turns
        cost.reading_s += time.process_time() - began_s
    return cost


def _in_parts(said: Sequence[Turns]) -> Cost:
    cost = Cost()
    recent, ids = RecentDigests(), count(1)
    places: dict[bytes | None, Extent] = {}
    for number, turns in enumerate(said):
        blocks: dict[int, bytes] = {}
        stored: list[bytes] = []
        for turn in turns:
            began_s = time.process_time()
            # One project per conversation, so that this table excludes content shared between conversations.
            packed = pack_document(turn, f"p{number}", 0, recent)
            cost.receiving_s += time.process_time() - began_s
            if isinstance(packed, SharedDocument):
                began_s = time.process_time()
                placement = Placement(places, ids)
                stored.append(placement.place(packed))
                cost.writing_s += time.process_time() - began_s
                blocks.update({block.id: block.packed for block in placement.blocks})
                cost.size_bytes += _ENTRY_BYTES * len(placement.chunks)
            else:
                stored.append(packed)
        cost.size_bytes += sum(map(len, stored)) + sum(map(len, blocks.values()))
        began_s = time.process_time()
        for turn, reference in zip(turns, stored, strict=True):
            if reference[:1] == b"\x01":
                assert assemble(decode(reference), blocks.get) == turn
        cost.reading_s += time.process_time() - began_s
    return cost


def _alone(said: Sequence[Turns]) -> Cost:
    """Pack each part alone; a part that two turns share is stored once, by its digest."""
    cost = Cost()
    for turns in said:
        kept: dict[bytes, bytes] = {}
        for turn in turns:
            began_s = time.process_time()
            names: list[bytes] = []
            for start, end in pairwise([0, *chunk_ends(turn), len(turn)]):
                name = blake2b(turn[start:end], digest_size=16).digest()
                names.append(name)
                if name not in kept:
                    kept[name] = pack(turn[start:end])
            cost.receiving_s += time.process_time() - began_s
            cost.size_bytes += sum(map(len, names))
            began_s = time.process_time()
            assert b"".join([unpack(kept[name]) for name in names]) == turn
            cost.reading_s += time.process_time() - began_s
        cost.size_bytes += sum(len(part) + _ENTRY_BYTES for part in kept.values())
    return cost


def _difference(said: Sequence[Turns]) -> Cost:
    """Pack each turn with the previous turn as its dictionary; reading a turn unpacks all previous ones."""
    cost = Cost()
    for turns in said:
        began_s = time.process_time()
        stored = [pack(turns[0])]
        for before, turn in pairwise(turns):
            stored.append(zstandard.ZstdCompressor(level=3, dict_data=_raw(before)).compress(turn))
        cost.receiving_s += time.process_time() - began_s
        cost.size_bytes += sum(map(len, stored)) + 16 * (len(turns) - 1)
        began_s = time.process_time()
        for last in range(len(turns)):
            document = unpack(stored[0])
            for packed in stored[1 : last + 1]:
                document = zstandard.ZstdDecompressor(dict_data=_raw(document)).decompress(packed)
            assert document == turns[last]
        cost.reading_s += time.process_time() - began_s
    return cost


def _raw(document: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(document, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _dictionary(said: Sequence[Turns]) -> Cost:
    """Pack each turn whole, with a dictionary trained on the other half of the conversations."""
    half = len(said) // 2
    cost = Cost()
    for train, test in ((said[:half], said[half:]), (said[half:], said[:half])):
        samples = [
            turn[start : start + 4096]
            for turns in train
            for turn in turns[-1:]
            for start in range(0, len(turn), 4096)
        ]
        trained = zstandard.train_dictionary(_DICTIONARY_BYTES, samples)  # pyright: ignore[reportArgumentType]
        trained.precompute_compress(level=3)  # pyright: ignore[reportUnknownMemberType]
        packer = zstandard.ZstdCompressor(level=3, dict_data=trained)
        unpacker = zstandard.ZstdDecompressor(dict_data=trained)
        of_half = _packed(test, packer.compress, unpacker.decompress)
        cost.size_bytes += of_half.size_bytes
        cost.receiving_s += of_half.receiving_s
        cost.reading_s += of_half.reading_s
    return cost


async def _store(conversations: int) -> None:
    """Store the same calls in a real store; print CPU of writing, bytes on disk and the time of a read."""
    make = Conversations()
    tools = make.tools()
    said = [
        turn
        for number in range(conversations)
        for turn in (make.agent() if number % 3 == 2 else make.chat(tools=tools if number % 3 else None))
    ]
    table = Table(
        "stored", "calls", "raw B/row", "disk B/row", "receive µs/row", "writer µs/row", "get one ms"
    )
    recent = RecentDigests()

    def in_parts(turn: bytes) -> Packed:
        return pack_document(turn, "p", 0, recent)

    ways: dict[str, Callable[[bytes], Packed]] = {"whole": pack, "in parts": in_parts}
    for way, packed in ways.items():
        began_s = time.process_time()
        rows = [span(number, request_body=packed(turn)) for number, turn in enumerate(said, 1)]
        receiving_s = time.process_time() - began_s
        with tempfile.TemporaryDirectory() as folder:
            storage = open_storage(f"sqlite:///{folder}/pulse.db", max_queue_mib=512)
            writing_s = await _write(storage, rows)
            reading_ms = await _read(storage, said)
            await storage.close()
            size_bytes = _size_bytes(Path(folder))
        table.add_row(
            way,
            f"{len(said):,}",
            f"{sum(map(len, said)) / len(said):,.0f}",
            f"{size_bytes / len(said):,.0f}",
            f"{receiving_s / len(said) * 1e6:.0f}",
            f"{writing_s / len(said) * 1e6:.0f}",
            f"{reading_ms:.3f}",
        )
    Console(width=110).print(table)


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def _write(storage: Store, rows: Sequence[SpanRow]) -> float:
    await storage.create_project(*project("p"))
    began_s = time.process_time()
    for start in range(0, len(rows), _ROWS_A_CALL):
        await storage.ingest(rows[start : start + _ROWS_A_CALL])
    return time.process_time() - began_s


async def _read(storage: Store, said: Sequence[bytes]) -> float:
    """Return the median time of reading one call with its document, in milliseconds."""
    listed = (await storage.list_traces("p", TraceFilter(), Page(limit=200))).rows
    took_ms: list[float] = []
    for row, turn in zip(listed, reversed(said), strict=False):
        began_s = time.perf_counter()
        got = await storage.get_trace("p", row.trace_id)
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        assert got is not None
        assert got.request_body == turn
    return sorted(took_ms)[len(took_ms) // 2]


if __name__ == "__main__":
    main()
