"""Measures the CPU that recording costs an application, compared with other instrumentations.

    python -m benchmarks.instrumentation_overhead [--quick] [--install] [--rounds 60] [--only pulse,genai]

Each instrumentation runs in a separate environment and separate processes, with the same versions of the
clients and of OpenTelemetry, content off; the SDK's batch processor passes its spans to an exporter that
discards them. Rounds of all instrumentations alternate. Several processes measure a share of the rounds each,
since the memory layout of a process changes its CPU time. Within a round, bare and instrumented calls
alternate, both after the same number of calls that are not measured, and streams are read alternately, chunk
by chunk. The figure is the median of the differences: CPU microseconds of the calling thread beyond the bare
client. The exporter counts calls: a peer that does not record every call of a round exactly once, or that
records a call while it is off, is shown as "not recorded". A second table shows the 95 % confidence intervals
of the medians. `--install` makes the environments under `.peers`; a peer that cannot be installed is named
and omitted.
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
from benchmarks.quick import add_quick_option

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENTS = _ROOT / ".peers"
_SAME_FOR_ALL = ("openai", "anthropic", "httpx2", "opentelemetry-sdk", "opentelemetry-instrumentation")

# Suffixes of row names: a whole call, or one chunk of its stream.
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
    """Return the interpreter of the peer's environment."""
    return _ENVIRONMENTS / peer.name / "bin" / "python" if peer.packages else Path(sys.executable)


def install(peer: Peer) -> None:
    """Make the environment of a peer unless it exists."""
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
    """The figures of one round of a peer, in CPU microseconds."""

    bare: float
    """CPU of a call of the bare client."""
    added: dict[str, float]
    """CPU that the peer adds to a call, and to each chunk of a stream."""
    honest: bool
    """True if each call was recorded exactly once."""


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
        """Run one round of this case in the process."""
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
        """Close the process's input and wait for its end."""
        self._process.communicate()


@dataclass(frozen=True)
class Figure:
    """A median over rounds and its 95 % confidence interval."""

    low: float
    median: float
    high: float


def figure(values: list[float]) -> Figure:
    """Return the median and its interval by order statistics, which assume no distribution."""
    ordered = sorted(values)
    outside = max(0, math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered))))
    return Figure(ordered[outside], statistics.median(ordered), ordered[-1 - outside])


Row = dict[str, Figure | None]


def measure(peers: list[Peer], rounds: int, processes: int) -> dict[str, Row]:
    """Return by case the bare client's CPU microseconds per call, and the microseconds that each peer adds.

    Rows of chunks have no figure for the bare client. None means that the peer did not record each call
    exactly once.
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


def import_ms(peers: list[Peer], rounds: int) -> dict[str, float]:
    """Return CPU milliseconds to import and instrument beyond the clients and the SDK: the median process."""
    figures: dict[str, list[float]] = {peer.name: [] for peer in peers if peer.name != "noise"}
    with tempfile.TemporaryDirectory() as cache:
        # Bytecode is compiled once, as for an installed package.
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
    """Measure and print two tables, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--install", action="store_true", help="make the environments of the peers first")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--processes", type=int, default=5, help="which measure a share of the rounds each")
    parser.add_argument("--import-rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names of peers, comma-separated")
    parser.add_argument("--json", action="store_true")
    add_quick_option(parser, rounds=1, processes=1, import_rounds=1, only="noise,pulse")
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
    imports = import_ms(peers, arguments.import_rounds)
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
    print("\n95 % intervals of the same medians; an interval that contains 0 shows no difference")
    print_table(names, [(case, [_interval(row, name) for name in names]) for case, row in results.items()])


def print_table(names: list[str], rows: list[tuple[str, list[str]]]) -> None:
    """Print a table in Markdown."""
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
    """Format microseconds, with tenths below 20."""
    return f"{us:{sign},.{1 if abs(us) < 20 else 0}f}".replace("-", "−")


if __name__ == "__main__":
    main()
