"""The service behind every receiver: checks the key, maps the request, answers once rows are committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar, TypeVarTuple

from prometheus_client import CollectorRegistry

from pulse_collector.admission import ByteBudget, Reservation
from pulse_collector.await_commit import await_commit
from pulse_collector.mapping.events import content_of_parts
from pulse_collector.mapping.logs import MappedLogs
from pulse_collector.mapping.spans import MappedSpans, SpanMapper, no_checkpoint
from pulse_collector.metrics import CollectorMetrics
from pulse_collector.pricing import Prices
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.pricing.price_list import warm_up
from pulse_collector.reading import RequestReader
from pulse_collector.refusals import not_admitted, store_unavailable
from pulse_collector.rejected_spans import RejectedSpans
from pulse_proto.otlp import Encoding, Signal
from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import INGEST, KeyRefused, KeyRing, ScopeMissing
from pulse_storage.rows import ApiKey, IngestResult, SpanRow

ResultT = TypeVar("ResultT")
ArgsT = TypeVarTuple("ArgsT")

KeepSpans = Literal["genai", "all"]

#: From the complete body to the answer. Stock exporters time out after 10 s, which may include the lookup of
#: the key.
_DEADLINE_S = 8.0
#: A body of at most this size is decoded on the event loop: the switch to a thread would cost more.
_INLINE_BYTES = 16 * 1024
#: Distinct reasons in one partial_success message; the message has only the number of further ones.
_MAX_REASONS = 5

_TOO_SLOW = "it takes too long"
_NO_METRICS = "Pulse does not store metrics; they were dropped. Traces are stored."
_NO_EVENT = "log records are stored only as gen-ai events of a span and as calls of coding agents"


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """The answer to an accepted export: the number of rejected spans, and the reasons or a warning."""

    rejected: int = 0
    message: str = ""


class Collector:
    """Maps and stores export requests. One instance serves all receivers of a process; thread-safe."""

    def __init__(
        self,
        storage: StorageAdapter,
        keys: KeyRing,
        prices: PriceBook,
        inflight: ByteBudget,
        *,
        keep: KeepSpans = "genai",
        max_body_bytes: int = 20 * 1024 * 1024,
        max_spans: int = 50_000,
        registry: CollectorRegistry,
        checkpoint: Callable[[], None] = no_checkpoint,
    ) -> None:
        """Set the limits. Mapping calls `checkpoint` between spans to yield to reads (ADR 0015)."""
        self.max_body_bytes = max_body_bytes
        self._reader = RequestReader(max_body_bytes, max_spans, SpanMapper(checkpoint))
        self._over_limit = (
            f"a request may have {max_spans} spans or log records (PULSE_MAX_SPANS_PER_REQUEST);"
            " send smaller batches"
        )
        self.budget = inflight
        self.metrics = CollectorMetrics(registry, self.budget, storage)
        self.rejected_spans = RejectedSpans()
        self.storage = storage
        self._keys = keys
        self._prices = prices
        self._keep_all = keep == "all"
        # Two threads: one can decompress, which releases the GIL, while the other maps.
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="pulse-map")
        # Loading the price list takes a quarter of a second; do it before the first request.
        self._workers.submit(warm_up)

    async def admit(self, authorization: str | None) -> ApiKey:
        """Return the key if it may send spans. Raises Refusal (401, 403; 503 if the store is down)."""
        try:
            return await self._keys.check(authorization, INGEST)
        except (KeyRefused, ScopeMissing, StoreUnavailable) as error:
            raise not_admitted(error) from error

    def admit_cached(self, authorization: str | None) -> ApiKey | None:
        """Return the key if it is cached, else None. Raises Refusal (401, 403) as `admit` does."""
        try:
            return self._keys.check_cached(authorization, INGEST)
        except (KeyRefused, ScopeMissing) as error:
            raise not_admitted(error) from error

    async def prices_of(self, project_id: str) -> Prices:
        """Return the prices of a project. Raises Refusal (503) if the store is unavailable."""
        try:
            return await self._prices.of(project_id)
        except StoreUnavailable as error:
            raise store_unavailable(error) from error

    async def export(
        self,
        signal: Signal[Any],
        project_id: str,
        body: bytes,
        encoding: Encoding,
        content_encoding: str | None,
        reservation: Reservation,
    ) -> ExportOutcome:
        """Decompress, decode, map and store the body of one HTTP request. Raises Refusal."""
        deadline_s = time.monotonic() + _DEADLINE_S
        prices = await self.prices_of(project_id)
        mapped = await self.in_worker(
            len(body),
            self._reader.read,
            signal,
            project_id,
            body,
            encoding,
            content_encoding,
            reservation,
            prices,
        )
        if isinstance(mapped, MappedLogs):
            return await self._store_logs("http", project_id, mapped, deadline_s)
        if mapped is None:
            return ExportOutcome(message=_NO_METRICS)
        self._count_mapped("http", mapped)
        outcome = await self._store(mapped, deadline_s)
        self.rejected_spans.add(project_id, outcome.rejected)
        return outcome

    def export_blocking(
        self, signal: Signal[Any], project_id: str, body: bytes, loop: asyncio.AbstractEventLoop
    ) -> ExportOutcome:
        """Export an uncompressed protobuf body from a thread that may block. Raises Refusal."""
        deadline_s = time.monotonic() + _DEADLINE_S
        with self.budget.reservation() as reservation:
            reservation.take(len(body))
            prices = self._prices.of_cached(project_id)
            if prices is None:
                prices = _wait(asyncio.run_coroutine_threadsafe(self.prices_of(project_id), loop), deadline_s)
            mapped = self._reader.read(signal, project_id, body, Encoding.PROTOBUF, None, reservation, prices)
            if isinstance(mapped, MappedLogs):
                storing = self._store_logs("grpc", project_id, mapped, deadline_s)
                return _wait(asyncio.run_coroutine_threadsafe(storing, loop), deadline_s + 1)
            if mapped is None:
                return ExportOutcome(message=_NO_METRICS)
            self._count_mapped("grpc", mapped)
            result = IngestResult()
            if mapped.rows:
                try:
                    result = self._commit_blocking(mapped.rows, _left_s(deadline_s))
                except StoreUnavailable as error:
                    raise store_unavailable(error) from error
            outcome = self._outcome(mapped, result)
            self.rejected_spans.add(project_id, outcome.rejected)
            return outcome

    async def store(self, transport: str, rows: list[SpanRow]) -> IngestResult:
        """Store rows that the caller has built (the batch route). Raises StoreUnavailable."""
        self.metrics.received(transport, len(rows))
        result = await self._commit(rows, _DEADLINE_S)
        for at, _ in result.rejected:
            self.rejected_spans.add(rows[at].project_id, 1)
        return result

    async def in_worker(
        self, body_bytes: int, function: Callable[[*ArgsT], ResultT], *args: *ArgsT
    ) -> ResultT:
        """Call the function and return its result: in a mapping thread unless the body is small."""
        if body_bytes <= _INLINE_BYTES:
            return function(*args)
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *args)

    def close(self) -> None:
        """Stop the mapping threads. Call it after the receivers have stopped."""
        self._workers.shutdown()

    async def _store(self, mapped: MappedSpans, deadline_s: float) -> ExportOutcome:
        if not mapped.rows:
            return self._outcome(mapped, IngestResult())
        try:
            result = await self._commit(mapped.rows, _left_s(deadline_s))
        except StoreUnavailable as error:
            raise store_unavailable(error) from error
        return self._outcome(mapped, result)

    async def _commit(self, rows: Sequence[SpanRow], within_s: float) -> IngestResult:
        """Store rows and count the result. Raises StoreUnavailable, also when `within_s` has passed."""
        started = time.perf_counter()
        with self._counted_if_failed(len(rows)):
            future = self._submit(rows, within_s)
            try:
                result = await await_commit(future, within_s)
            except asyncio.CancelledError:
                # The writer stores the rows anyway.
                future.add_done_callback(partial(self._count_unawaited, len(rows)))
                raise
        self._count_committed(result, started)
        return result

    def _commit_blocking(self, rows: Sequence[SpanRow], within_s: float) -> IngestResult:
        """Do the same as `_commit` from a thread that may block."""
        started = time.perf_counter()
        with self._counted_if_failed(len(rows)):
            result = self._submit(rows, within_s).result(within_s)
        self._count_committed(result, started)
        return result

    async def _store_logs(
        self, transport: str, project_id: str, mapped: MappedLogs, deadline_s: float
    ) -> ExportOutcome:
        """Store the calls that log events report, then content for stored spans. Raises Refusal."""
        calls = ExportOutcome()
        if mapped.calls.rows or mapped.calls.rejected:
            self._count_mapped(transport, mapped.calls)
            calls = await self._store(mapped.calls, deadline_s)
            self.rejected_spans.add(project_id, calls.rejected)
        reasons = [_NO_EVENT] * mapped.ignored + [self._over_limit] * mapped.over_limit
        result = IngestResult()
        parts = mapped.events.parts
        if parts:
            try:
                async with asyncio.timeout(_left_s(deadline_s)):
                    result = await self.storage.ingest_events(project_id, parts, content_of_parts)
            except (StoreUnavailable, TimeoutError) as error:
                raise store_unavailable(str(error) or _TOO_SLOW) from error
        self.metrics.events(result, mapped.ignored + mapped.over_limit)
        events = _partial_success([*reasons, *(reason for _, reason in result.rejected)])
        messages = [message for message in (calls.message, events.message) if message]
        return ExportOutcome(calls.rejected + events.rejected, "; ".join(messages))

    def _submit(self, rows: Sequence[SpanRow], within_s: float) -> Future[IngestResult]:
        return self.storage.submit(rows, keep_all=self._keep_all, within_s=within_s)

    def _count_mapped(self, transport: str, mapped: MappedSpans) -> None:
        self.metrics.received(transport, len(mapped.rows) + len(mapped.rejected) + mapped.over_limit)
        self.metrics.rejected("invalid", len(mapped.rejected))
        self.metrics.unread(mapped.unread)
        self.metrics.rejected("limit", mapped.over_limit)

    @contextmanager
    def _counted_if_failed(self, rows: int) -> Generator[None]:
        """Count rows as rejected if the block raises. Turns TimeoutError into StoreUnavailable."""
        try:
            yield
        except (StoreUnavailable, TimeoutError) as error:
            self.metrics.rejected("unavailable", rows)
            raise StoreUnavailable(str(error) or _TOO_SLOW) from error
        except Exception:
            self.metrics.rejected("failed", rows)
            raise

    def _count_unawaited(self, rows: int, future: Future[IngestResult]) -> None:
        """Count the result of a commit whose request was cancelled."""
        if future.exception() is None:
            self.metrics.ingested(future.result())
        else:
            self.metrics.rejected("unavailable", rows)

    def _count_committed(self, result: IngestResult, started: float) -> None:
        self.metrics.commit_seconds.observe(time.perf_counter() - started)
        self.metrics.ingested(result)

    def _outcome(self, mapped: MappedSpans, result: IngestResult) -> ExportOutcome:
        over_limit = [self._over_limit] * mapped.over_limit
        return _partial_success([*mapped.rejected, *over_limit, *(reason for _, reason in result.rejected)])


def _left_s(deadline_s: float) -> float:
    """Return the seconds until a `time.monotonic` deadline, at least 0.1."""
    return max(0.1, deadline_s - time.monotonic())


def _wait(future: Future[ResultT], deadline_s: float) -> ResultT:
    """Return the result of a coroutine on the event loop. Raises Refusal once the deadline has passed."""
    try:
        return future.result(_left_s(deadline_s))
    except FutureTimeout:
        future.cancel()
        raise store_unavailable(_TOO_SLOW) from None


def _partial_success(reasons: Sequence[str]) -> ExportOutcome:
    """Return the number of all reasons, one a span, and a message with the first distinct ones."""
    if not reasons:
        return ExportOutcome()
    distinct = list(dict.fromkeys(reasons))
    further = len(distinct) - _MAX_REASONS
    more = f" … and {further} more reasons" if further > 0 else ""
    return ExportOutcome(len(reasons), "; ".join(distinct[:_MAX_REASONS]) + more)
