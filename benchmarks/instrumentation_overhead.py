"""Measures what recording costs the application, beside what it costs with the other instrumentations.

    python -m benchmarks.instrumentation_overhead [--install] [--rounds 60] [--only pulse,genai]

Each instrumentation runs in an environment and processes of its own, with the same versions of the
clients and of OpenTelemetry, content off, and spans that go to the SDK's batch processor and nowhere.
Rounds of all of them alternate, and a part of the rounds is measured in each of a few processes: where
one happens to lay its code and objects changes what they cost. Within a round, bare and instrumented calls
alternate, both after the same number of calls that are not measured, and streams are read in turn, chunk
by chunk. The figure is the median of the differences: CPU microseconds of the calling thread beyond the
bare client. Each call is counted as it arrives at the exporter: a peer that does not
record every call of a round exactly once, or records one when it is off, is shown as "not recorded". A
second table has the intervals in which the medians lie with 95 % confidence.
`--install` makes the environments under `.peers`; what cannot be installed is named and left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, cast

from benchmarks.instrumentation_calls import cases
from benchmarks.instrumentation_peers import PEERS, Peer

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENTS = _ROOT / ".peers"
_SAME_FOR_ALL = ("openai", "anthropic", "httpx2", "opentelemetry-sdk", "opentelemetry-instrumentation")

# What a figure is for: a whole call, or one chunk of it.
_CALL, _CHUNK = "", ", each chunk"

_IMPORT = """
import time, importlib, openai, anthropic
import opentelemetry.sdk.trace
before = time.process_time()
for module, name in {classes!r}:
    getattr(importlib.import_module(module), name)().instrument()
print((time.process_time() - before) * 1000)
"""
_IMPORT_LOGFIRE = """
import time, openai, anthropic
import opentelemetry.sdk.trace
before = time.process_time()
import logfire
logfire.configure(send_to_logfire=False, console=False, metrics=False, inspect_arguments=False)
logfire.instrument_openai()
logfire.instrument_anthropic()
print((time.process_time() - before) * 1000)
"""


def python_of(peer: Peer) -> Path:
    """The interpreter in whose environment a peer runs."""
    return _ENVIRONMENTS / peer.name / "bin" / "python" if peer.packages else Path(sys.executable)


def install(peer: Peer) -> None:
    """Make a peer's environment, unless it is there."""
    python = python_of(peer)
    if python.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    same = [f"{name}=={version(name)}" for name in _SAME_FOR_ALL]
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    done = subprocess.run([*command, *peer.packages, *same], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        python.unlink()
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        print(f"{peer.name} cannot be installed: {lines[-1] if lines else done.stderr}", file=sys.stderr)


@dataclass(frozen=True)
class Round:
    """What one round says about a peer, in CPU microseconds."""

    bare: float
    """A call of the bare client."""
    added: dict[str, float]
    """What the peer adds to a call, and to each chunk of a stream."""
    honest: bool
    """Whether it recorded each call once."""


class Worker:
    """A process that measures one peer, a round at a time."""

    def __init__(self, peer: Peer) -> None:
        self._process = subprocess.Popen(
            [python_of(peer), "-m", "benchmarks.instrumentation_calls", peer.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", **peer.environment},
        )
        self._records = 0.0 if peer.name == "noise" else 1.0

    def round(self, case: int) -> Round:
        """Let it measure a case once."""
        requests, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        requests.write(f"{case}\n")
        requests.flush()
        figures = json.loads(answers.readline())
        honest = figures["bare_recorded"] == 0 and figures["instrumented_recorded"] == self._records
        added = {_CALL: figures["instrumented"] - figures["bare"]}
        if "chunk" in figures:
            added[_CHUNK] = figures["chunk"]
        return Round(figures["bare"], added, honest)

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


@dataclass(frozen=True)
class Figure:
    """The median of what the rounds say, and the interval in which it lies with 95 % confidence."""

    low: float
    median: float
    high: float


def figure(values: list[float]) -> Figure:
    """The median of some values; its interval lies between two of them, of whatever shape they are."""
    ordered = sorted(values)
    outside = max(0, math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered))))
    return Figure(ordered[outside], statistics.median(ordered), ordered[-1 - outside])


Row = dict[str, Figure | None]


def measure(peers: list[Peer], rounds: int, processes: int) -> dict[str, Row]:
    """By case: the bare client's CPU microseconds per call, and what each peer adds to them.

    The rows of chunks have no figure for the bare client. None stands for a peer that did not record
    each call exactly once.
    """
    measured = cases()
    done: list[dict[str, list[Round]]] = [{peer.name: [] for peer in peers} for _ in measured]
    for part in range(processes):
        print(f"process {part + 1} of {processes} for each", file=sys.stderr)
        workers = {peer.name: Worker(peer) for peer in peers}
        for number, rounds_of in enumerate(done):
            for _ in range(part, rounds, processes):
                for name, worker in workers.items():
                    rounds_of[name].append(worker.round(number))
        for worker in workers.values():
            worker.end()
    results: dict[str, Row] = {}
    for case, rounds_of in zip(measured, done, strict=True):
        honest = {name for name, each in rounds_of.items() if all(one.honest for one in each)}
        for part in (_CALL, _CHUNK) if case.streamed else (_CALL,):
            row = results[case.name + part] = {}
            if part == _CALL:
                bare = [one.bare for name in honest for one in rounds_of[name]]
                row["bare"] = figure(bare) if bare else None
            for name, each in rounds_of.items():
                row[name] = figure([one.added[part] for one in each]) if name in honest else None
    return results


def import_ms(peers: list[Peer], rounds: int = 5) -> dict[str, float]:
    """CPU milliseconds to import and instrument beyond the clients and the SDK: the median process."""
    figures: dict[str, list[float]] = {peer.name: [] for peer in peers if peer.name != "noise"}
    with tempfile.TemporaryDirectory() as cache:
        # Compiled once, as an installed package is.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(rounds + 1):
            for peer in peers:
                if peer.name == "noise":
                    continue
                program = _IMPORT.format(classes=peer.classes) if peer.classes else _IMPORT_LOGFIRE
                command = [python_of(peer), "-W", "ignore", "-c", program]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
                figures[peer.name].append(float(done.stdout))
    return {name: statistics.median(values[1:]) for name, values in figures.items()}


def main() -> None:
    """Measure, and print one table (and JSON with --json)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--install", action="store_true", help="make the environments of the peers first")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--processes", type=int, default=5, help="among which the rounds are dealt out")
    parser.add_argument("--only", default="", help="names of peers, comma-separated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wanted = [name for name in arguments.only.split(",") if name]
    chosen = [peer for peer in PEERS if not wanted or peer.name in wanted]
    if arguments.install:
        for peer in chosen:
            install(peer)
    peers = [peer for peer in chosen if python_of(peer).exists()]
    if missing := [peer.name for peer in chosen if peer not in peers]:
        print(f"Not installed, so not measured: {', '.join(missing)} (--install)", file=sys.stderr)
    results = measure(peers, arguments.rounds, arguments.processes)
    imports = import_ms(peers)
    if arguments.json:
        plain = {
            case: {name: found and asdict(found) for name, found in row.items()}
            for case, row in results.items()
        }
        print(json.dumps({"cpu_us": plain, "import_ms": imports}, indent=2))
        return
    names = ["bare", *(peer.name for peer in peers)]
    print(f"CPU us per call, content off; medians of {arguments.rounds} rounds; all but `bare` added to it")
    print_table(names, [(case, [_median(row, name) for name in names]) for case, row in results.items()])
    cells = [f"{imports[name]:,.0f}" if name in imports else "" for name in names]
    print(_line(["import and instrument, CPU ms", *cells]))
    print("\n95 % intervals of the same medians; one in which 0 lies shows no difference")
    print_table(names, [(case, [_interval(row, name) for name in names]) for case, row in results.items()])


def print_table(names: list[str], rows: list[tuple[str, list[str]]]) -> None:
    """A table in Markdown."""
    print("\n" + _line(["", *names]))
    print(_line(["---"] * (len(names) + 1)))
    for name, cells in rows:
        print(_line([name, *cells]))


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _median(row: Row, name: str) -> str:
    return _cell(row, name, lambda found: _rounded(found.median, "" if name == "bare" else "+"))


def _interval(row: Row, name: str) -> str:
    return _cell(row, name, lambda found: f"{_rounded(found.low)} to {_rounded(found.high)}")


def _cell(row: Row, name: str, words: Callable[[Figure], str]) -> str:
    if name not in row:
        return ""
    found = row[name]
    return "not recorded" if found is None else words(found)


def _rounded(us: float, sign: str = "") -> str:
    """Tenths where they matter."""
    return f"{us:{sign},.{1 if abs(us) < 20 else 0}f}".replace("-", "−")


if __name__ == "__main__":
    main()
