"""What must hold when all clients have ended: alive, counters that add up, every span found exactly once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from tests.soak.ledger import Ledger
from tests.soak.readers import GROUPS, around_now
from tests.soak.server import Http, Target, metrics_of

_ROUNDS = 20
_IDLE_WITHIN_S = 30.0


def deliver_unfinished(ledger: Ledger) -> None:
    """Repeat deliveries as exporters do, until all are acknowledged."""
    for _ in range(_ROUNDS):
        waiting = ledger.take_unfinished()
        if not waiting or ledger.faults:
            return
        for deliver in waiting:
            deliver()
    ledger.fault(f"after {_ROUNDS} deliveries some spans are not acknowledged")


def findings(target: Target, ledger: Ledger) -> list[str]:
    """What is wrong, nothing if all is well. All deliveries are acknowledged, and no client runs."""
    http = Http(target, kept=True)
    try:
        if ledger.faults:
            return ledger.faults
        health = http.get("/health").status_code
        return [
            *([] if health == 200 else [f"/health answers {health}"]),
            *_wrong_rows(http, ledger),
            *_wrong_counters(_idle_metrics(target), len(ledger.acknowledged)),
            *_wrong_totals(http, ledger),
            *_wrong_sums(http, ledger),
        ]
    finally:
        http.close()


def _idle_metrics(target: Target) -> dict[str, float]:
    """The counters once no request is under way: requests whose client left end by themselves."""
    give_up_s = time.monotonic() + _IDLE_WITHIN_S
    while True:
        metrics = metrics_of(target)
        busy = metrics["pulse_inflight_bytes"] or metrics["pulse_queue_rows"]
        if not busy or time.monotonic() > give_up_s:
            return metrics


def _wrong_rows(http: Http, ledger: Ledger) -> Iterator[str]:
    found = [(row["otel_trace_id"], row["otel_span_id"]) for row in http.rows(operation="all", counted="all")]
    if len(found) != len(set(found)):
        yield f"{len(found) - len(set(found))} spans are stored twice"
    if lost := ledger.acknowledged.keys() - set(found):
        yield f"{len(lost)} acknowledged spans are not found"
    if more := set(found) - ledger.acknowledged.keys():
        yield f"{len(more)} spans are found that were never sent"


def _wrong_counters(metrics: Mapping[str, float], rows: int) -> Iterator[str]:
    def total(name: str) -> int:
        return int(
            sum(value for sample, value in metrics.items() if sample.partition("{")[0] == f"{name}_total")
        )

    received, stored = total("pulse_spans_received"), total("pulse_spans_stored")
    rest = [total(f"pulse_spans_{what}") for what in ("duplicate", "left_out", "rejected")]
    if received != stored + sum(rest):
        yield f"received {received} != stored {stored} + duplicate, left out, rejected {rest}"
    if stored != rows:
        yield f"{stored} spans are counted as stored, {rows} are acknowledged"
    if metrics["pulse_inflight_bytes"]:
        yield f"{metrics['pulse_inflight_bytes']:.0f} bytes are held by no request"


def _wrong_totals(http: Http, ledger: Ledger) -> Iterator[str]:
    """Of each filter, and of each session, whose list has no total."""
    for (name, value), count in ledger.counts().items():
        answer = http.get("/v1/traces", **{name: value, "limit": 1})
        total = answer.headers["x-total-count"]
        # A count that stopped early is a lower bound.
        if total != str(count) and not (total[:2] == ">=" and int(total[2:]) <= count):
            yield f"{name}={value} finds {total} calls instead of {count}"
        if (
            name == "session_id"
            and (rows := len(http.get(f"/v1/sessions/{value}").json()["traces"])) != count
        ):
            yield f"session {value} has {rows} calls instead of {count}"


def _wrong_sums(http: Http, ledger: Ledger) -> Iterator[str]:
    calls = ledger.calls()
    tokens = sum(call.tokens for call in calls)
    for group in GROUPS:
        answer = http.get("/v1/analytics", group_by=group, **around_now()).json()
        if answer["totalTokens"] != tokens:
            yield f"analytics by {group}: {answer['totalTokens']} tokens instead of {tokens}"
        counted = sum(row["calls"] for row in answer["costOverTime"])
        if counted != len(calls):
            yield f"analytics by {group}: {counted} calls instead of {len(calls)}"
