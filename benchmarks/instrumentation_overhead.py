"""Measures what recording costs the application, in CPU microseconds of its thread beyond the bare client.

    python benchmarks/instrumentation_overhead.py [--rounds 60] [--content off|full] [--only pulse,genai]

The real clients run over an in-memory transport; spans go to the SDK's batch processor and nowhere.
Bare and instrumented calls alternate within one process, so that a busy machine disturbs both; the
figure is the median over the rounds. Peers are measured beside Pulse when they are installed (they are
no dependency: put them into a scratch environment).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from tests.support.llm_bodies import chat_chunks, completion, message, message_events, response_events
from tests.support.llm_clients import anthropic_client, openai_client
from tests.support.llm_http import Answer, FakeProvider, event_answer, http, json_answer

WORDS = ["word "] * 200
MESSAGES: list[Any] = [{"role": "user", "content": "Say something about the weather in Bonn."}]


@dataclass(frozen=True)
class Case:
    """One kind of call: what runs, how often in a round, and the goal in CPU microseconds."""

    name: str
    run: Callable[[], object]
    calls: int
    goal_us: float | None


@dataclass(frozen=True)
class Peer:
    """An instrumentation to measure: module, and the classes of its instrumentors there."""

    name: str
    instrumentors: tuple[tuple[str, str], ...]
    arguments: dict[str, Any]


PEERS = (
    Peer(
        "pulse",
        (
            ("pulse_instrumentation", "PulseOpenAIInstrumentor"),
            ("pulse_instrumentation", "PulseAnthropicInstrumentor"),
        ),
        {},
    ),
    Peer(
        "genai",
        (
            ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
        ),
        {},
    ),
    Peer(
        "openinference",
        (
            ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
            ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
        {},
    ),
    Peer(
        "openllmetry",
        (
            ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
        {},
    ),
)


def _methods() -> list[tuple[type, str, object]]:
    """Every method of the clients' classes that an instrumentation could replace."""
    for module in ("openai.resources", "anthropic.resources"):
        importlib.import_module(module)
    classes = {
        value
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in ("openai", "anthropic")
        for value in list(vars(module).values())
        if isinstance(value, type) and not name.partition(".")[2].startswith("types")
    }
    return [
        (owner, name, method)
        for owner in classes
        if owner.__module__.partition(".")[0] in ("openai", "anthropic")
        for name, method in vars(owner).items()
        if callable(method) and not name.startswith("__")
    ]


_METHODS = _methods()


class _Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class _Endless(FakeProvider):
    """Gives the same answer for ever, from bytes that are already there."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._status, self._headers = answer.status, dict(answer.headers)
        self._pieces = list(answer.body.pieces)

    def _handle(self, request: Any) -> Any:
        return http.Response(self._status, headers=self._headers, stream=_Pieces(self._pieces))


class _Pieces(http.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def cases() -> list[Case]:
    """The calls that are measured."""
    chat = openai_client(_Endless(json_answer(completion())))
    streamed = openai_client(_Endless(event_answer(chat_chunks(*WORDS), done=True)))
    responses = openai_client(_Endless(event_answer(response_events(*WORDS))))
    claude = anthropic_client(_Endless(json_answer(message())))
    claude_streamed = anthropic_client(_Endless(event_answer(message_events(*WORDS))))
    options: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
    claude_options: dict[str, Any] = {"model": "claude-test", "max_tokens": 100, "messages": MESSAGES}
    return [
        Case("openai chat", lambda: chat.chat.completions.create(**options), 10, 180),
        Case(
            "openai stream, 200 chunks",
            lambda: list(streamed.chat.completions.create(**options, stream=True)),
            1,
            1000,
        ),
        Case(
            "responses stream, 200 events",
            lambda: list(responses.responses.create(model="gpt-4o", input="Hi", stream=True)),
            1,
            1000,
        ),
        Case("anthropic message", lambda: claude.messages.create(**claude_options), 10, 200),
        Case(
            "anthropic stream, 200 events",
            lambda: list(claude_streamed.messages.create(**claude_options, stream=True)),
            2,
            500,
        ),
    ]


def cpu_us(case: Case) -> float:
    """CPU microseconds of this thread per call, over one round."""
    gc.collect()
    gc.disable()
    try:
        before = time.thread_time_ns()
        for _ in range(case.calls):
            case.run()
        return (time.thread_time_ns() - before) / case.calls / 1000
    finally:
        gc.enable()


@contextmanager
def instrumented(peer: Peer, provider: TracerProvider, content: str) -> Generator[None]:
    """The peer's instrumentors on, for one block."""
    arguments: dict[str, Any] = {"tracer_provider": provider, **peer.arguments}
    if peer.name == "pulse":
        arguments["capture_content"] = content
    instrumentors = [getattr(importlib.import_module(module), name)() for module, name in peer.instrumentors]
    for instrumentor in instrumentors:
        instrumentor.instrument(**arguments)
    try:
        yield
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
        # Some peers leave wrappers behind, which would pile up and slow the bare client too.
        for owner, name, method in _METHODS:
            if vars(owner)[name] is not method:
                setattr(owner, name, method)


def installed(peer: Peer) -> bool:
    """Whether the peer can be imported here."""
    try:
        for module, _ in peer.instrumentors:
            importlib.import_module(module)
    except ImportError:
        return False
    return True


def measure(peers: list[Peer], rounds: int, content: str) -> dict[str, dict[str, float]]:
    """CPU microseconds per call by case: of the bare client, and what each peer adds to it.

    Each figure is the median difference to the bare run right before it. `noise` is a bare run so
    compared: a difference below it means nothing.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    results: dict[str, dict[str, float]] = {}
    for case in cases():
        figures: dict[str, list[float]] = {name: [] for name in ("bare", "noise", *(p.name for p in peers))}
        for _ in range(rounds):
            bare = cpu_us(case)
            figures["bare"].append(bare)
            figures["noise"].append(cpu_us(case) - bare)
            for peer in peers:
                bare = cpu_us(case)
                with instrumented(peer, provider, content):
                    figures[peer.name].append(cpu_us(case) - bare)
        results[case.name] = {name: statistics.median(values) for name, values in figures.items()}
    provider.shutdown()
    return results


def import_ms(peer: Peer) -> float:
    """CPU milliseconds to import and instrument beyond the clients and the SDK: lowest of seven processes."""
    program = (
        "import time, importlib, openai, anthropic\n"
        "import opentelemetry.sdk.trace\n"
        "before = time.process_time()\n"
        f"for module, name in {peer.instrumentors!r}:\n"
        "    getattr(importlib.import_module(module), name)().instrument()\n"
        "print((time.process_time() - before) * 1000)\n"
    )
    with tempfile.TemporaryDirectory() as cache:
        # Compiled once, as an installed package is.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", program]
        runs = [
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            for _ in range(8)
        ]
    return min(float(run.stdout) for run in runs[1:])


def main() -> None:
    """Measure, and print one table (and JSON with --json)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--content", choices=["off", "metadata", "full"], default="off")
    parser.add_argument("--only", default="", help="names of peers, comma-separated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wanted = [name for name in arguments.only.split(",") if name]
    peers = [peer for peer in PEERS if (not wanted or peer.name in wanted) and installed(peer)]
    results = measure(peers, arguments.rounds, arguments.content)
    names = ["bare", "noise", *(peer.name for peer in peers)]
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"CPU us per call; content {arguments.content}; bare absolute, all others added to it")
    print(f"{'':30}" + "".join(f"{name:>15}" for name in names) + f"{'goal':>10}")
    goals = {case.name: case.goal_us for case in cases()}
    for case, figures in results.items():
        row = "".join(f"{figures[name]:15.0f}" for name in names)
        print(f"{case:30}{row}{goals[case]:10.0f}")
    for peer in peers:
        print(f"import and instrument, CPU ms: {peer.name} {import_ms(peer):.0f}")


if __name__ == "__main__":
    main()
