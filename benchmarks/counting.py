"""What counting costs: the CPU of ingest with and without the look-ups that find spans of one call.

    python -m benchmarks.counting [--rounds 12]

No span is sent twice and no call is told by two spans, so all of the difference is the price of being sure.
Requests of 48 content-free spans are decoded, mapped and stored, in turn with counting and without, into
stores of their own; microseconds of CPU by span, the median of the rounds. Content would make the rest
dearer and the share smaller.

calls     every span is a call in a trace of its own
agents    traces of eight spans, a session on the root, all in one request
pieces    the same traces, each in four requests: a trace is looked at again with each
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Literal
from unittest.mock import patch

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support.rows import project
from tests.support.spans import CHAT, RECEIVED_NS, START_NS, Value, span, trace_request

from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing.price_list import warm_up
from pulse_storage import StorageAdapter, open_storage
from pulse_storage.skeletons import OwnValue
from pulse_storage.sql.writing import arrivals
from pulse_storage.sql.writing.neighbourhood import Neighbourhood

Shape = Literal["calls", "agents", "pieces"]

_TRACE_SPANS = 8
_REQUEST_SPANS = 48
_REQUESTS = 24
_PIECES = 4


def main() -> None:
    """Print a row for each shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    warm_up()
    print(f"{'us of CPU per span':<20}{'without':>9}{'with':>9}{'more':>8}")
    shapes: tuple[Shape, ...] = ("calls", "agents", "pieces")
    for shape in shapes:
        without, counted = asyncio.run(_compare(shape, rounds))
        print(f"{shape:<20}{without:>9.1f}{counted:>9.1f}{counted / without - 1:>8.0%}")


async def _compare(shape: Shape, rounds: int) -> tuple[float, float]:
    random = Random(7)
    taken: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        stores: list[StorageAdapter] = []
        for name in ("without", "with"):
            store = open_storage(f"sqlite:///{Path(folder) / name}.db", max_queue_mib=512)
            await store.create_project(*project())
            stores.append(store)
        for _ in range(rounds):
            requests = list(_requests(shape, random))
            with _uncounted():
                taken[0].append(await _ingest(stores[0], requests))
            taken[1].append(await _ingest(stores[1], requests))
        for store in stores:
            await store.close()
    return statistics.median(taken[0]), statistics.median(taken[1])


async def _ingest(storage: StorageAdapter, requests: list[bytes]) -> float:
    began = time.process_time()
    stored = 0
    for body in requests:
        mapped = map_spans("p", ExportTraceServiceRequest.FromString(body), RECEIVED_NS)
        stored += (await storage.ingest(mapped.rows)).stored
    taken = time.process_time() - began
    if stored != _REQUESTS * _REQUEST_SPANS:
        raise RuntimeError(f"{stored} spans were stored of {_REQUESTS * _REQUEST_SPANS}")
    return taken / stored * 1e6


@contextmanager
def _uncounted() -> Generator[None]:
    """Every row counts as it comes, without a look at what else is stored or comes."""
    with (
        patch.object(Neighbourhood, "outline_traces", _nothing_stored),
        patch.object(arrivals, "plain_overrides", _no_overrides),
    ):
        yield


def _nothing_stored(near: object, trace_ids: object, settled_before_ns: object) -> None: ...


def _no_overrides(new: object, stored: object) -> dict[bytes, dict[str, OwnValue]]:
    return {}


def _requests(shape: Shape, random: Random) -> Iterator[bytes]:
    spans: list[Span] = []
    for _ in range(_REQUESTS * _REQUEST_SPANS // _TRACE_SPANS):
        spans += _calls(random) if shape == "calls" else _agent(random)
    if shape == "pieces":
        # Pieces of a trace come in requests that follow each other, as one exporter sends them.
        size = _REQUEST_SPANS * _PIECES
        spans = [
            span
            for start in range(0, len(spans), size)
            for piece in range(_PIECES)
            for span in spans[start + piece : start + size : _PIECES]
        ]
    for start in range(0, len(spans), _REQUEST_SPANS):
        yield trace_request(*spans[start : start + _REQUEST_SPANS]).SerializeToString()


def _calls(random: Random) -> list[Span]:
    return [_span(random, random.randbytes(16), number, 0, _call(random)) for number in range(1, 9)]


def _agent(random: Random) -> list[Span]:
    """Three turns of a call and a tool, a last call, and the agent around them, which ends last."""
    trace_id = random.randbytes(16)
    tool: dict[str, Value] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    agent: dict[str, Value] = {"gen_ai.operation.name": "invoke_agent", "session.id": "s1"}
    spans = [
        _span(random, trace_id, number, _TRACE_SPANS, tool if number % 2 == 0 else _call(random))
        for number in range(1, _TRACE_SPANS)
    ]
    return [*spans, _span(random, trace_id, _TRACE_SPANS, 0, agent)]


def _call(random: Random) -> dict[str, Value]:
    own = {"gen_ai.conversation.id", "user.id"}
    named = {key: value for key, value in CHAT.items() if key not in own}
    return {**named, "gen_ai.response.id": f"chatcmpl-{random.getrandbits(96):024x}"}


def _span(random: Random, trace_id: bytes, number: int, parent: int, attributes: dict[str, Value]) -> Span:
    start_ns = START_NS + number * 10_000_000 + random.randrange(1_000_000)
    return span(attributes, trace_id=trace_id, span_id=number, parent_id=parent, start_ns=start_ns)


if __name__ == "__main__":
    main()
