"""Runs the measured calls in one environment, alternately bare and instrumented, a round per request.

    python -m benchmarks.instrumentation_calls PEER

`benchmarks.instrumentation_overhead` starts this program and writes the number of a case per line. Each
answer is a line of JSON: CPU microseconds of this thread per call, bare and instrumented, the microseconds
that recording adds to a chunk of a stream, and the share of the calls that were recorded in each.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# The comparison excludes the anthropic client's own spans.
os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"

from tests.support.llm_bodies import chat_chunks, completion, message, message_events, response_events
from tests.support.llm_clients import anthropic_client, openai_client
from tests.support.llm_http import Answer, FakeProvider, event_answer, http, json_answer

from benchmarks.instrumentation_peers import PEERS, Switch, switch
from benchmarks.instrumentation_streams import Pair, Reading, mean, read_in_turn

_WORDS = ["word "] * 200
_MESSAGES: list[Any] = [{"role": "user", "content": "Say something about the weather in Bonn."}]


@dataclass(frozen=True)
class Case:
    """One kind of call and the number of calls in a round; a streamed call is made once."""

    name: str
    request: Callable[[], Iterable[object]]
    calls: int = 1
    streamed: bool = False

    def run(self) -> None:
        """Make one call and read its stream to the end."""
        answer = self.request()
        if self.streamed:
            list(answer)


class _Endless(FakeProvider):
    """A provider that returns the same answer to every request, from bytes made beforehand."""

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
    """Return the measured calls: real clients over an in-memory transport."""
    chat = openai_client(_Endless(json_answer(completion())))
    streamed = openai_client(_Endless(event_answer(chat_chunks(*_WORDS), done=True)))
    responses = openai_client(_Endless(event_answer(response_events(*_WORDS))))
    claude = anthropic_client(_Endless(json_answer(message())))
    claude_streamed = anthropic_client(_Endless(event_answer(message_events(*_WORDS))))
    options: dict[str, Any] = {"model": "gpt-4o", "messages": _MESSAGES}
    claude_options: dict[str, Any] = {"model": "claude-test", "max_tokens": 100, "messages": _MESSAGES}
    return [
        Case("openai chat", lambda: chat.chat.completions.create(**options), 20),
        Case(
            "openai stream, 200 chunks",
            lambda: streamed.chat.completions.create(**options, stream=True),
            streamed=True,
        ),
        Case(
            "responses stream, 200 events",
            lambda: responses.responses.create(model="gpt-4o", input="Hi", stream=True),
            streamed=True,
        ),
        Case("anthropic message", lambda: claude.messages.create(**claude_options), 20),
        Case(
            "anthropic stream, 200 events",
            lambda: claude_streamed.messages.create(**claude_options, stream=True),
            streamed=True,
        ),
    ]


# Calls before the clock starts: the interpreter adapts to methods that were just replaced.
_WARM_UP = 3


def main() -> None:
    """Run one round per line of input."""
    measured = cases()
    for case in measured:
        # Clients import modules at their first call; `switch` needs those modules.
        case.run()
    peer = switch(next(peer for peer in PEERS if peer.name == sys.argv[1]))
    gc.freeze()
    for number, line in enumerate(sys.stdin):
        case = measured[int(line)]
        figures = stream_round(case, peer, number) if case.streamed else plain_round(case, peer, number)
        print(json.dumps(figures), flush=True)


def plain_round(case: Case, peer: Switch, number: int) -> dict[str, float]:
    """Measure bare calls and instrumented calls, one kind after the other."""
    figures: dict[str, float] = {}
    # Alternate the order, so that a change of the clock rate affects both kinds equally.
    for instrumented in (False, True) if number % 2 else (True, False):
        if instrumented:
            peer.on()
        key = "instrumented" if instrumented else "bare"
        figures[key] = cpu_us(case)
        if instrumented:
            peer.off()
        figures[f"{key}_recorded"] = peer.recorded() / (case.calls + _WARM_UP)
    return figures


def stream_round(case: Case, peer: Switch, number: int) -> dict[str, float]:
    """Measure two pairs of a bare and an instrumented stream, read alternately, chunk by chunk."""
    recorded = {False: 0.0, True: 0.0}

    def pair(*, instrumented_opens: bool, instrumented_reads: bool) -> Pair:
        """Read one pair; the arguments decide which stream is opened first and which is read first."""
        readings: dict[bool, Reading] = {}
        for instrumented in (instrumented_opens, not instrumented_opens):
            if instrumented:
                peer.on()
            # Warm up after either switch: methods that were just replaced are slow at first.
            warm_up(case)
            recorded[instrumented] += peer.recorded()
            readings[instrumented] = Reading(case.request)
            if instrumented:
                peer.off()
        read = read_in_turn(readings[False], readings[True], recorded_first=instrumented_reads)
        recorded[True] += peer.recorded()
        return read

    alike = number % 2 == 0
    both = mean(
        pair(instrumented_opens=True, instrumented_reads=alike),
        pair(instrumented_opens=False, instrumented_reads=not alike),
    )
    return {
        "bare": both.bare_us,
        "instrumented": both.recorded_us,
        "chunk": both.chunk_us,
        "bare_recorded": recorded[False],
        "instrumented_recorded": recorded[True] / 2 / (1 + _WARM_UP),
    }


def cpu_us(case: Case) -> float:
    """Return CPU microseconds of this thread per call over one round, garbage collection included."""
    warm_up(case)
    before = time.thread_time_ns()
    for _ in range(case.calls):
        case.run()
    return (time.thread_time_ns() - before) / case.calls / 1000


def warm_up(case: Case) -> None:
    """Make calls that are not measured, then collect garbage."""
    for _ in range(_WARM_UP):
        case.run()
    gc.collect()


if __name__ == "__main__":
    main()
