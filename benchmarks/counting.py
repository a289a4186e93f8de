"""Measures the CPU of ingest with and without the look-ups that find several spans of one call.

    python -m benchmarks.counting [--quick] [--rounds 12] [--engine sqlite|postgres]

No span is sent twice and no two spans describe the same call, so the whole difference is the cost of the
look-ups. Requests of 48 spans without content are decoded, mapped and stored, alternately with and without
look-ups, each into a separate store. Figures are CPU microseconds per span (with PostgreSQL, its server
included), the median of the rounds. Spans with content cost more, so the share of the look-ups is smaller. To
compare two commits, run this file of one of them alternately with the interpreter of each.

calls     every span is a call and the only span of its trace
streams   the same, streamed, with input messages
anthropic calls of Anthropic that begin a trace, as the client itself records them
agents    traces of eight spans, a session on the root, all in one request
pieces    the same traces, each in four requests: each request reads the stored spans of the trace
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Literal, get_args
from unittest.mock import patch

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support.postgres import any_server
from tests.support.rows import project
from tests.support.spans import CHAT, START_NS, Value, as_json, span, trace_request

from benchmarks.quick import add_quick_option
from benchmarks.storage_engines import Engine, Postgres, Sqlite
from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing.price_list import warm_up
from pulse_storage import Store, open_storage
from pulse_storage.reconciliation.skeletons import OwnValue
from pulse_storage.sql.writing import incoming_rows
from pulse_storage.sql.writing.related_spans import RelatedSpans

Shape = Literal["calls", "streams", "anthropic", "agents", "pieces"]

_TRACE_SPANS = 8
_REQUEST_SPANS = 48
_REQUESTS = 24
_PIECES = 4
_BETWEEN_STARTS_NS = 1_000_000


def main() -> None:
    """Measure and print one row per shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--shapes", nargs="*", choices=get_args(Shape), default=get_args(Shape))
    add_quick_option(parser, rounds=1)
    arguments = parser.parse_args()
    warm_up()
    print(f"{'us of CPU per span':<20}{'without':>9}{'with':>9}{'more':>8}")
    with _engines(arguments.engine) as engine_named:
        for shape in arguments.shapes:
            engines = [engine_named(f"{shape}_{name}") for name in ("without", "with")]
            without, counted = asyncio.run(_compare(shape, arguments.rounds, engines))
            print(
                f"{shape:<20}{without:>9.1f}{counted:>9.1f}{counted / without - 1:>8.0%}",
                flush=True,
            )


@contextmanager
def _engines(engine: str) -> Generator[Callable[[str], Engine]]:
    """Yield a function that makes an empty store of this engine with a given name."""
    with ExitStack() as stack:
        if engine == "postgres":
            server = stack.enter_context(any_server())
            yield lambda name: Postgres(server, name)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            yield lambda name: Sqlite(_made(folder / name))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _compare(shape: Shape, rounds: int, engines: Sequence[Engine]) -> tuple[float, float]:
    random = Random(7)
    taken: tuple[list[float], list[float]] = ([], [])
    stores: list[Store] = []
    for engine in engines:
        store = open_storage(engine.url, max_queue_mib=512)
        await store.create_project(*project())
        stores.append(store)
    for _ in range(rounds):
        requests = list(_requests(shape, random))
        with _uncounted():
            taken[0].append(await _ingest(stores[0], engines[0], requests))
        taken[1].append(await _ingest(stores[1], engines[1], requests))
    for store in stores:
        await store.close()
    return statistics.median(taken[0]), statistics.median(taken[1])


async def _ingest(storage: Store, engine: Engine, requests: list[bytes]) -> float:
    began = engine.usage().cpu_s
    stored = 0
    for body in requests:
        mapped = map_spans("p", ExportTraceServiceRequest.FromString(body), _clock.now_ns)
        stored += (await storage.ingest(mapped.rows)).stored
    taken = engine.usage().cpu_s - began
    if stored != _REQUESTS * _REQUEST_SPANS:
        raise RuntimeError(f"{stored} spans were stored of {_REQUESTS * _REQUEST_SPANS}")
    return taken / stored * 1e6


@contextmanager
def _uncounted() -> Generator[None]:
    """Count every row as sent, without look-ups of stored and simultaneous spans of the same call."""
    with (
        patch.object(RelatedSpans, "read_outlines", _read_nothing),
        patch.object(incoming_rows, "inherited_overrides", _no_overrides),
    ):
        yield


def _read_nothing(near: object, trace_ids: object, frozen_before_ns: object) -> None: ...


def _no_overrides(new: object, stored: object) -> dict[bytes, dict[str, OwnValue]]:
    return {}


def _requests(shape: Shape, random: Random) -> Iterator[bytes]:
    spans: list[Span] = []
    for _ in range(_REQUESTS * _REQUEST_SPANS // _TRACE_SPANS):
        if shape in _LONE_CALLS:
            spans += _calls(random, _LONE_CALLS[shape])
        else:
            spans += _agent(random)
    if shape == "pieces":
        # The pieces of a trace are in consecutive requests, as one exporter sends them.
        size = _REQUEST_SPANS * _PIECES
        spans = [
            span
            for start in range(0, len(spans), size)
            for piece in range(_PIECES)
            for span in spans[start + piece : start + size : _PIECES]
        ]
    for start in range(0, len(spans), _REQUEST_SPANS):
        some = spans[start : start + _REQUEST_SPANS]
        scope = "com.anthropic.sdk.python" if shape == "anthropic" else "opentelemetry.instrumentation.genai"
        yield trace_request(*some, scope=scope).SerializeToString()


def _calls(random: Random, attributes: dict[str, Value]) -> list[Span]:
    return [
        _span(random, random.randbytes(16), number, 0, _call(random, attributes)) for number in range(1, 9)
    ]


def _agent(random: Random) -> list[Span]:
    """Return three turns of a call and a tool, a final call, and their agent, which ends last."""
    trace_id = random.randbytes(16)
    tool: dict[str, Value] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    agent: dict[str, Value] = {"gen_ai.operation.name": "invoke_agent", "session.id": "s1"}
    spans = [
        _span(random, trace_id, number, _TRACE_SPANS, tool if number % 2 == 0 else _call(random))
        for number in range(1, _TRACE_SPANS)
    ]
    return [*spans, _span(random, trace_id, _TRACE_SPANS, 0, agent)]


def _call(random: Random, attributes: dict[str, Value] = CHAT) -> dict[str, Value]:
    own = {"gen_ai.conversation.id", "user.id"}
    named = {key: value for key, value in attributes.items() if key not in own}
    prefix = "msg_01" if named["gen_ai.provider.name"] == "anthropic" else "chatcmpl-"
    if "gen_ai.input.messages" in named:
        question = f"Is crate {random.randrange(10_000)} aboard?"
        named["gen_ai.input.messages"] = as_json(
            [{"role": "user", "parts": [{"type": "text", "content": question}]}]
        )
    return {
        **named,
        "gen_ai.response.id": f"{prefix}{random.getrandbits(96):024x}",
        "gen_ai.usage.input_tokens": random.randrange(20, 2_000),
        "gen_ai.usage.output_tokens": random.randrange(5, 400),
    }


_LONE_CALLS: dict[Shape, dict[str, Value]] = {
    "calls": CHAT,
    "streams": {**CHAT, "gen_ai.input.messages": ""},
    "anthropic": {
        **CHAT,
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    },
}


def _span(random: Random, trace_id: bytes, number: int, parent: int, attributes: dict[str, Value]) -> Span:
    start_ns = _clock.start_ns() + number * 10_000_000 + random.randrange(1_000_000)
    return span(attributes, trace_id=trace_id, span_id=number, parent_id=parent, start_ns=start_ns)


class _Clock:
    """Start times 1 ms apart, as an application with 1,000 spans/s has: they decide the index order."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def start_ns(self) -> int:
        self.now_ns += _BETWEEN_STARTS_NS
        return self.now_ns


_clock = _Clock()


if __name__ == "__main__":
    main()
