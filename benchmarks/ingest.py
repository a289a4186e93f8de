"""Measures the ingest of `pulse serve`: spans per second, CPU per span, latency of acknowledgements.

    python -m benchmarks.ingest [--quick] [--seconds 5] [--connections 8] [CASE …]

Every case starts a new server on a new SQLite file. Cases differ in content, batch size, transport,
compression, or the last step of the server: `…-receive` discards requests and `…-map` discards mapped rows,
so the differences between cases show the cost of each step. "CPU" is user and system time of the server
process per span; rates are those of a machine that also runs the load generator. The run fails if an
acknowledged span is not stored.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from benchmarks.quick import add_quick_option
from benchmarks.servers import KEY, Stage, running
from benchmarks.spans import Content, RequestTemplate, request_template

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

#: Sends one request and returns once it is acknowledged; raises if it is not.
Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One load and one server to measure."""

    name: str
    content: Content
    batch: int
    transport: str = "http"
    compressed: bool = False
    #: The last step of the server: `receive` discards requests, `map` discards mapped rows.
    stage: Stage = "store"


_CASES = (
    Case("mixed-b50", "mixed", 50),
    Case("mixed-b50-receive", "mixed", 50, stage="receive"),
    Case("mixed-b50-map", "mixed", 50, stage="map"),
    Case("mixed-b512", "mixed", 512),
    Case("mixed-b50-gzip", "mixed", 50, compressed=True),
    Case("mixed-b50-grpc", "mixed", 50, "grpc"),
    Case("small-b50", "small", 50),
    Case("small-b50-receive", "small", 50, stage="receive"),
    Case("small-b50-map", "small", 50, stage="map"),
    Case("small-b512", "small", 512),
    Case("small-b50-grpc", "small", 50, "grpc"),
    Case("small-b1", "small", 1),
    Case("small-b1-grpc", "small", 1, "grpc"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one case; CPU in microseconds of the server process per span."""

    spans_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    rss_mib: float
    disk_bytes: float
    lost: int


def main() -> None:
    """Run the selected cases and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(case.name for case in _CASES))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--warm-up-seconds", type=float, default=0.5)
    add_quick_option(parser, seconds=0.1, connections=2, warm_up_seconds=0)
    args = parser.parse_args()
    wanted = [case for case in _CASES if not args.cases or case.name in args.cases]
    table = Table(title=f"{args.connections} connections, {args.seconds:g} s a case, SQLite synchronous=FULL")
    for column in (
        "case",
        "acked spans/s",
        "CPU µs/span",
        "ack p50 ms",
        "ack p99 ms",
        "RSS MiB",
        "disk B/span",
    ):
        is_name = column == "case"
        table.add_column(column, justify="left" if is_name else "right", no_wrap=is_name)
    console = Console()
    for case in wanted:
        with console.status(f"{case.name} …"):
            result = _measure(case, args.seconds, args.connections, args.warm_up_seconds)
        if result.lost:
            sys.exit(f"{case.name}: {result.lost} acknowledged spans are not in the store")
        table.add_row(
            case.name,
            f"{result.spans_per_s:,.0f}",
            f"{result.cpu_us:.1f}",
            f"{result.p50_ms:.1f}",
            f"{result.p99_ms:.1f}",
            f"{result.rss_mib:.0f}",
            f"{result.disk_bytes:,.0f}",
        )
    console.print(table)


def _measure(case: Case, seconds: float, connections: int, warm_up_s: float) -> Result:
    template = request_template(case.batch, case.content)
    with tempfile.TemporaryDirectory() as data_dir, running(case.stage, Path(data_dir)) as server:
        stores = case.stage == "store"
        sender = _http_sender if case.transport == "http" else _grpc_sender
        port = server.http_port if case.transport == "http" else server.grpc_port
        _load(template, case, sender, port, 1, warm_up_s)
        stored_before = _stored(server.main_port) if stores else 0
        cpu_before = _cpu_s(server.pid)
        started = time.perf_counter()
        latencies = _load(template, case, sender, port, connections, seconds)
        elapsed = time.perf_counter() - started
        cpu_s = _cpu_s(server.pid) - cpu_before
        acked = len(latencies) * case.batch
        stored = _stored(server.main_port) - stored_before if stores else acked
        rss = _rss_mib(server.pid)
        disk = sum(file.stat().st_size for file in Path(data_dir).glob("*.db*")) if stores else 0
        return Result(
            spans_per_s=acked / elapsed,
            cpu_us=cpu_s / acked * 1e6,
            p50_ms=statistics.median(latencies) * 1e3,
            p99_ms=statistics.quantiles(latencies, n=100)[98] * 1e3 if len(latencies) > 1 else 0.0,
            rss_mib=rss,
            disk_bytes=disk / (stored + stored_before),
            lost=acked - stored,
        )


def _load(
    template: RequestTemplate,
    case: Case,
    sender: Callable[[int], Generator[Send]],
    port: int,
    connections: int,
    seconds: float,
) -> list[float]:
    """Send on every connection for these seconds, each request after the last was acknowledged.

    Return the latency of each request in seconds.
    """
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    def run() -> None:
        with contextmanager(sender)(port) as send:
            while time.perf_counter() < until:
                body = template.fresh()
                if case.compressed:
                    body = gzip.compress(body, 6)
                started = time.perf_counter()
                send(body)
                latencies.append(time.perf_counter() - started)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _http_sender(port: int) -> Generator[Send]:
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {KEY}"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send(body: bytes) -> None:
            encoding = {"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
            connection.request("POST", "/v1/traces", body, headers | encoding)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200 or answer:
                raise RuntimeError(f"{response.status}: {answer!r}")

        yield send


def _grpc_sender(port: int) -> Generator[Send]:
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_EXPORT)

        def send(body: bytes) -> None:
            answer = call(body, metadata=(("authorization", f"Bearer {KEY}"),), timeout=30)
            if answer:
                raise RuntimeError(repr(answer))

        yield send


def _stored(main_port: int) -> int:
    """Return the number of rows that the server has committed, by its metrics."""
    with closing(http.client.HTTPConnection("127.0.0.1", main_port, timeout=30)) as connection:
        connection.request("GET", "/metrics", headers={"authorization": f"Bearer {KEY}"})
        text = connection.getresponse().read().decode()
    for line in text.splitlines():
        if line.startswith("pulse_spans_stored_total "):
            return int(float(line.split()[1]))
    raise RuntimeError("/metrics does not contain pulse_spans_stored_total")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


if __name__ == "__main__":
    main()
