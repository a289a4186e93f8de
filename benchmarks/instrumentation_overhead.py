"""Measures what recording costs the application, beside what it costs with the other instrumentations.

    python -m benchmarks.instrumentation_overhead [--install] [--rounds 30] [--only pulse,genai]

Each instrumentation runs in an environment and a process of its own, with the same versions of the
clients and of OpenTelemetry, content off, and spans that go to the SDK's batch processor and nowhere.
Rounds of all of them alternate, bare and instrumented calls alternate within each, and the figure is
the median of the differences: CPU microseconds of the calling thread beyond the bare client. Each call
is counted as it arrives at the exporter: a peer that does not record every call of a round exactly once,
or records one when it is off, is shown as "not recorded". A second table has the quartiles.
`--install` makes the environments under `.peers`; what cannot be installed is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, cast

from benchmarks.instrumentation_calls import cases
from benchmarks.instrumentation_peers import PEERS, Peer

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENTS = _ROOT / ".peers"
_SAME_FOR_ALL = ("openai", "anthropic", "httpx2", "opentelemetry-sdk", "opentelemetry-instrumentation")

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

    def round(self, case: int) -> tuple[float, float, bool]:
        """CPU microseconds per call, bare and instrumented, and whether each call was recorded once."""
        requests, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        requests.write(f"{case}\n")
        requests.flush()
        figures = json.loads(answers.readline())
        honest = figures["bare_recorded"] == 0 and figures["instrumented_recorded"] == self._records
        return figures["bare"], figures["instrumented"], honest

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


@dataclass(frozen=True)
class Spread:
    """The quartiles of a figure over the rounds."""

    first: float
    median: float
    third: float


def spread(values: list[float]) -> Spread:
    """The quartiles of some values."""
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def measure(peers: list[Peer], rounds: int) -> dict[str, dict[str, Spread | None]]:
    """By case: the bare client's CPU microseconds per call, and what each peer adds to them.

    None stands for a peer that did not record each call exactly once.
    """
    workers = {peer.name: Worker(peer) for peer in peers}
    results: dict[str, dict[str, Spread | None]] = {}
    for number, case in enumerate(cases()):
        bare: list[float] = []
        added: dict[str, list[float]] = {name: [] for name in workers}
        dishonest: set[str] = set()
        for _ in range(rounds):
            for name, worker in workers.items():
                without, with_peer, honest = worker.round(number)
                added[name].append(with_peer - without)
                if honest:
                    bare.append(without)
                else:
                    dishonest.add(name)
        results[case.name] = {"bare": spread(bare)}
        for name, values in added.items():
            results[case.name][name] = None if name in dishonest else spread(values)
    for worker in workers.values():
        worker.end()
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
    parser.add_argument("--rounds", type=int, default=30)
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
    results = measure(peers, arguments.rounds)
    imports = import_ms(peers)
    if arguments.json:
        plain = {
            case: {name: figure and asdict(figure) for name, figure in row.items()}
            for case, row in results.items()
        }
        print(json.dumps({"cpu_us": plain, "import_ms": imports}, indent=2))
        return
    names = ["bare", *(peer.name for peer in peers)]
    print(f"CPU us per call, content off; medians of {arguments.rounds} rounds; all but `bare` added to it")
    print_table(
        names, [(case, [_median(row[name], name) for name in names]) for case, row in results.items()]
    )
    cells = [f"{imports[name]:,.0f}" if name in imports else "" for name in names]
    print(_line(["import and instrument, CPU ms", *cells]))
    print("\nFirst to third quartile of the same")
    print_table(names, [(case, [_quartiles(row[name]) for name in names]) for case, row in results.items()])


def print_table(names: list[str], rows: list[tuple[str, list[str]]]) -> None:
    """A table in Markdown."""
    print("\n" + _line(["", *names]))
    print(_line(["---"] * (len(names) + 1)))
    for name, cells in rows:
        print(_line([name, *cells]))


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _median(figure: Spread | None, name: str) -> str:
    if figure is None:
        return "not recorded"
    if name == "bare":
        return f"{figure.median:,.0f}"
    return f"{figure.median:+,.0f}".replace("-", "−")


def _quartiles(figure: Spread | None) -> str:
    return "not recorded" if figure is None else f"{figure.first:,.0f} to {figure.third:,.0f}"


if __name__ == "__main__":
    main()
