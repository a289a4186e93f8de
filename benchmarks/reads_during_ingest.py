"""Measures the latency of a list while the same server ingests spans at full speed.

    python -m benchmarks.reads_during_ingest [--quick] [--seconds 5] [--senders 2] [--content mixed]

One client requests `GET /v1/traces` repeatedly, alternately alone and during ingest from several sender
processes. The rounds alternate, so that the noise of the machine affects both equally.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

from benchmarks.quick import add_quick_option
from benchmarks.servers import KEY, running
from benchmarks.spans import Content, request_template

_PAUSE_S = 0.005
_BATCH_SPANS = 100


def main() -> None:
    """Alternate quiet and busy rounds; print the latency of the list in each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="a round")
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--content", choices=("mixed", "small"), default="mixed")
    add_quick_option(parser, seconds=0.3, senders=1, rounds=1, content="small")
    options = parser.parse_args()
    quiet_ms: list[float] = []
    busy_ms: list[float] = []
    sent = 0
    with tempfile.TemporaryDirectory() as data_dir, running("store", Path(data_dir)) as server:
        for round_number in range(options.rounds + 1):
            quiet = _list_repeatedly(server.main_port, options.seconds)
            with ProcessPoolExecutor(options.senders) as senders:
                sending = [
                    senders.submit(_send, server.http_port, options.content, options.seconds)
                    for _ in range(options.senders)
                ]
                busy = _list_repeatedly(server.main_port, options.seconds)
                spans = sum(each.result() for each in sending)
            if round_number:  # the first one fills the store
                quiet_ms, busy_ms, sent = quiet_ms + quiet, busy_ms + busy, sent + spans
    print(f"{sent / options.rounds / options.seconds:,.0f} spans/s during the reads")
    for name, took_ms in (("alone", quiet_ms), ("during ingest", busy_ms)):
        print(
            f"list of 50, {name:14} p50 {statistics.median(took_ms):7.2f} ms"
            f"   p90 {_percentile(took_ms, 90):7.2f} ms   p99 {_percentile(took_ms, 99):7.2f} ms"
        )
    print(f"p99 during ingest / alone: {_percentile(busy_ms, 99) / _percentile(quiet_ms, 99):.1f}")


def _list_repeatedly(port: int, seconds: float) -> list[float]:
    """Request lists for these seconds; return the milliseconds of each."""
    took_ms: list[float] = []
    until_s = time.perf_counter() + seconds
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        while time.perf_counter() < until_s:
            began_s = time.perf_counter()
            connection.request("GET", "/v1/traces", headers={"authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            answer.read()
            took_ms.append((time.perf_counter() - began_s) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"the list answered {answer.status}")
            time.sleep(_PAUSE_S)
    return took_ms


def _send(port: int, content: Content, seconds: float) -> int:
    """Send requests for these seconds; return the number of acknowledged spans."""
    template = request_template(_BATCH_SPANS, content)
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {KEY}"}
    acknowledged = 0
    until_s = time.perf_counter() + seconds
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        while time.perf_counter() < until_s:
            connection.request("POST", "/v1/traces", template.fresh(), headers)
            answer = connection.getresponse()
            answer.read()
            acknowledged += _BATCH_SPANS if answer.status == 200 else 0
    return acknowledged


def _percentile(values: list[float], rank: int) -> float:
    return statistics.quantiles(values, n=100)[rank - 1]


if __name__ == "__main__":
    main()
