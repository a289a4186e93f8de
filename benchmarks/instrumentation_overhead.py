"""Measures what recording costs the application, beside what it costs with the other instrumentations.

    python -m benchmarks.instrumentation_overhead [--install] [--rounds 30] [--only pulse,genai]

Each instrumentation runs in an environment and a process of its own, with the same versions of the
clients and of OpenTelemetry, content off, and spans that go to the SDK's batch processor and nowhere.
Rounds of all of them alternate, bare and instrumented calls alternate within each, and the figure is
the median of the differences: CPU microseconds of the calling thread beyond the bare client.
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
            env={**os.environ, **peer.environment},
        )

    def round(self, case: int) -> tuple[float, float]:
        """CPU microseconds per call, bare and instrumented."""
        requests, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        requests.write(f"{case}\n")
        requests.flush()
        figures = json.loads(answers.readline())
        return figures["bare"], figures["instrumented"]

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def measure(peers: list[Peer], rounds: int) -> dict[str, dict[str, float]]:
    """By case: the bare client's CPU microseconds per call, and what each peer adds to them."""
    workers = {peer.name: Worker(peer) for peer in peers}
    results: dict[str, dict[str, float]] = {}
    for number, case in enumerate(cases()):
        bare: list[float] = []
        added: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                without, with_peer = worker.round(number)
                bare.append(without)
                added[name].append(with_peer - without)
        results[case.name] = {"bare": statistics.median(bare)}
        results[case.name] |= {name: statistics.median(values) for name, values in added.items()}
    for worker in workers.values():
        worker.end()
    return results


def import_ms(peers: list[Peer], rounds: int = 9) -> dict[str, float]:
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
        print(json.dumps({"cpu_us": results, "import_ms": imports}, indent=2))
        return
    names = ["bare", *(peer.name for peer in peers)]
    print("CPU us per call, content off; bare absolute, all others added to it")
    print(f"{'':30}" + "".join(f"{name:>15}" for name in names))
    for case, figures in results.items():
        print(f"{case:30}" + "".join(f"{figures[name]:15.0f}" for name in names))
    cells = "".join(f"{imports[name]:15.0f}" if name in imports else f"{'':15}" for name in names)
    print(f"{'import and instrument, CPU ms':30}{cells}")


if __name__ == "__main__":
    main()
