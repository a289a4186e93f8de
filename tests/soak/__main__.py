"""Mixed real traffic against `pulse serve` for some minutes, then a check of all that must hold.

    python -m tests.soak [--minutes 10] [--engine sqlite|postgres|both] [--pause-ms 50]

Stock exporters, batches, lists by every filter, sessions, analytics, cancelled requests and repeated
deliveries run at once. The exit code is 1 if the server died, its memory grew, its counters disagree, or an
acknowledged span is lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

from tests.server.serving import Serving, serving
from tests.soak.clients import all_clients, run_clients
from tests.soak.ledger import Ledger
from tests.soak.server import Target, metrics_of
from tests.soak.verdict import deliver_unfinished, findings
from tests.support.postgres import own_server

_SAMPLE_S = 1.0
#: How much more memory the last third may have than the first. SQLite's page caches (120 MiB in all) fill
#: with the store; the allocator keeps what it had once.
_SPARE_MIB = {"sqlite": 160.0, "postgres": 40.0}


class Memory:
    """Samples the server's resident memory, beginning when a tenth of the time is over."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._mib: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    @contextlib.contextmanager
    def sampled(self) -> Generator[None]:
        """Sample meanwhile."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def thirds(self) -> tuple[float, float, float]:
        """The mean of each third, in MiB, without the first tenth."""
        warm = self._mib[len(self._mib) // 10 :]
        size = max(len(warm) // 3, 1)
        first, second, last = warm[:size], warm[size : 2 * size], warm[-size:]
        return statistics.fmean(first), statistics.fmean(second or first), statistics.fmean(last)

    def _sample(self) -> None:
        # A server that died is reported by the clients.
        with contextlib.suppress(Exception):
            while not self._over.wait(_SAMPLE_S):
                self._mib.append(metrics_of(self._target)["process_resident_memory_bytes"] / (1 << 20))


def main() -> int:
    """Soak each engine in turn; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--pause-ms", type=float, default=50, help="between the steps of each client")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    engines = ("sqlite", "postgres") if options.engine == "both" else (options.engine,)
    results = [
        _soak(engine, options.minutes * 60, options.pause_ms / 1000, options.seed) for engine in engines
    ]
    return 0 if all(results) else 1


def _soak(engine: str, seconds: float, pause_s: float, seed: int) -> bool:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environ = {"PULSE_LOG_LEVEL": "warning"}
        if engine == "postgres":
            environ["DATABASE_URL"] = stack.enter_context(own_server()).store("soak")
        server = stack.enter_context(serving(folder / "data", None, **environ))
        wrong = _run(engine, server, seconds, pause_s, seed)
        if server.process.poll() is not None:
            wrong.append(f"the server ended with {server.process.returncode}")
        elif (code := server.stop()) != 0:
            wrong.append(f"the server ended with {code} after SIGTERM")
        if errors := [line for line in server.log.read_text().splitlines() if '"error"' in line]:
            wrong.append(
                f"the server logged {len(errors)} errors, the first: {errors[0][:300]} … {errors[0][-1500:]}"
            )
    for line in wrong:
        print(f"{engine}: WRONG: {line}")
    print(f"{engine}: {'passed' if not wrong else 'FAILED'}", flush=True)
    return not wrong


def _run(engine: str, server: Serving, seconds: float, pause_s: float, seed: int) -> list[str]:
    ports = server.ports
    target = Target(ports.main, ports.otlp_http, ports.otlp_grpc, server.key)
    ledger, memory = Ledger(), Memory(target)
    clients = all_clients(target, ledger, seed)
    end_s = time.monotonic() + seconds
    with memory.sampled():
        run_clients(clients, ledger, lambda _: time.monotonic() < end_s, pause_s=pause_s)
    try:
        deliver_unfinished(ledger)
        wrong = findings(target, ledger)
        wrong += _report(engine, ledger, memory, metrics_of(target), seconds)
    except Exception as error:
        wrong = [*ledger.faults, f"the server cannot be asked: {error!r}"]
    for client in clients:
        client.close()
    return wrong


def _report(
    engine: str, ledger: Ledger, memory: Memory, metrics: dict[str, float], seconds: float
) -> list[str]:
    """Print the figures; what is wrong with the memory."""
    first, second, last = memory.thirds()
    spans = len(ledger.acknowledged)
    print(f"{engine}: {seconds:.0f} s, {spans:,} spans acknowledged, {ledger.redelivered:,} of them again")
    for what, count in sorted(ledger.answers.items()):
        print(f"{engine}:   {what}: {count:,}")
    for name, value in sorted(metrics.items()):
        if name.startswith("pulse_spans_") and "_created" not in name:
            print(f"{engine}:   {name} {value:,.0f}")
    print(f"{engine}: resident memory by thirds: {first:.0f}, {second:.0f}, {last:.0f} MiB")
    if last > first + _SPARE_MIB[engine]:
        return [f"resident memory grew from {first:.0f} to {last:.0f} MiB"]
    return []


if __name__ == "__main__":
    sys.exit(main())
