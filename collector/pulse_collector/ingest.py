"""The service behind every receiver: who sends, what it says, and success only once it is committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, TypeVarTuple

from prometheus_client import CollectorRegistry

from pulse_collector.admission import ByteBudget, Reservation
from pulse_collector.commits import committed
from pulse_collector.mapping.events import content_of_parts
from pulse_collector.mapping.logs import MappedLogs
from pulse_collector.mapping.spans import MappedSpans
from pulse_collector.metrics import CollectorMetrics
from pulse_collector.pricing import Prices
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.pricing.price_list import warm_up
from pulse_collector.reading import RequestReader
from pulse_collector.refusals import Refusal, not_admitted, store_unavailable
from pulse_proto.otlp import Encoding, Signal
from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import INGEST, KeyRefused, KeyRing, ScopeMissing
from pulse_storage.rows import ApiKey, IngestResult, SpanRow

ResultT = TypeVar("ResultT")
ArgsT = TypeVarTuple("ArgsT")

KeepSpans = Literal["genai", "all"]

#: From the whole body to the answer. Stock exporters give up after 10 s in all, and a key may be looked up
#: before.
_DEADLINE_S = 8.0
#: A body up to this is decoded on the event loop: handing it to a thread would cost more.
_INLINE_BYTES = 16 * 1024
#: Reasons named in one partial_success message; the rest are only counted.
_REASONS_TOLD = 5

_NO_METRICS = "Pulse does not store metrics; they were dropped. Traces are stored."
_NO_EVENT = "log records that are no gen-ai event of a span, and no call of a coding agent, are not stored"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A success: how many spans were refused, and why (or, with none refused, a warning)."""

    rejected: int = 0
    message: str = ""


class Collector:
    """Takes export requests for the project of a key. One for all receivers of a process."""

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
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self._reader = RequestReader(max_body_bytes, max_spans, storage.give_way)
        self._over_limit = (
            f"a request may have {max_spans} spans or log records (PULSE_MAX_SPANS_PER_REQUEST);"
            " send smaller batches"
        )
        self.budget = inflight
        self.metrics = CollectorMetrics(registry, self.budget, storage)
        self.storage = storage
        self._keys = keys
        self._prices = prices
        self._keep_all = keep == "all"
        # Two: one may inflate or compress (the interpreter is free meanwhile) while the other maps.
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="pulse-map")
        # The price list takes a quarter of a second to load: not while the first request waits.
        self._workers.submit(warm_up)

    async def admit(self, authorization: str | None) -> ApiKey:
        """The key that may send. Raises Refusal: 401, 403, or 503 if the store cannot be asked."""
        try:
            return await self._keys.check(authorization, INGEST)
        except (KeyRefused, ScopeMissing, StoreUnavailable) as error:
            raise not_admitted(error) from error

    def admit_cached(self, authorization: str | None) -> ApiKey | None:
        """`admit` without waiting: None if only the store could tell."""
        try:
            return self._keys.check_cached(authorization, INGEST)
        except (KeyRefused, ScopeMissing) as error:
            raise not_admitted(error) from error

    async def prices_of(self, project_id: str) -> Prices:
        """The prices in force for a project. Raises Refusal: 503 if the store cannot be asked."""
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
    ) -> Outcome:
        """Inflate, decode, map and store one HTTP request's body. Raises Refusal."""
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
            return Outcome(message=_NO_METRICS)
        self._count_mapped("http", mapped)
        return await self._store(mapped, deadline_s)

    def export_blocking(
        self, signal: Signal[Any], project_id: str, body: bytes, loop: asyncio.AbstractEventLoop
    ) -> Outcome:
        """`export` for an uncompressed protobuf body, from a thread that may wait. Raises Refusal."""
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
                return Outcome(message=_NO_METRICS)
            self._count_mapped("grpc", mapped)
            if not mapped.rows:
                return self._outcome(mapped, IngestResult())
            started = time.perf_counter()
            self.storage.give_way()
            try:
                left_s = _left_s(deadline_s)
                result = self._submit(mapped.rows, left_s).result(left_s)
            except (StoreUnavailable, FutureTimeout) as error:
                raise self._not_committed(len(mapped.rows), error) from error
            return self._committed(mapped, result, started)

    async def store(self, transport: str, rows: list[SpanRow]) -> IngestResult:
        """Store rows that were read elsewhere (the batch route). Raises StoreUnavailable."""
        self.metrics.received(transport, len(rows))
        started = time.perf_counter()
        try:
            result = await committed(self._submit(rows, _DEADLINE_S), _DEADLINE_S)
        except (StoreUnavailable, TimeoutError) as error:
            self.metrics.rejected("unavailable", len(rows))
            raise StoreUnavailable(str(error) or "it takes too long") from error
        self.metrics.commit_seconds.observe(time.perf_counter() - started)
        self.metrics.ingested(result)
        return result

    async def in_worker(
        self, body_bytes: int, function: Callable[[*ArgsT], ResultT], *args: *ArgsT
    ) -> ResultT:
        """The function's result; a mapping thread runs it if the body is worth the way there."""
        if body_bytes <= _INLINE_BYTES:
            return function(*args)
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *args)

    def close(self) -> None:
        """Stop the mapping threads, once the receivers are stopped."""
        self._workers.shutdown()

    async def _store(self, mapped: MappedSpans, deadline_s: float) -> Outcome:
        if not mapped.rows:
            return self._outcome(mapped, IngestResult())
        started = time.perf_counter()
        try:
            left_s = _left_s(deadline_s)
            result = await committed(self._submit(mapped.rows, left_s), left_s)
        except (StoreUnavailable, TimeoutError) as error:
            raise self._not_committed(len(mapped.rows), error) from error
        return self._committed(mapped, result, started)

    async def _store_logs(
        self, transport: str, project_id: str, mapped: MappedLogs, deadline_s: float
    ) -> Outcome:
        """Store the calls that events report, then the content of spans: success means both."""
        calls = Outcome()
        if mapped.calls.rows or mapped.calls.rejected:
            self._count_mapped(transport, mapped.calls)
            calls = await self._store(mapped.calls, deadline_s)
        reasons = [_NO_EVENT] * mapped.ignored + [self._over_limit] * mapped.over_limit
        result = IngestResult()
        parts = mapped.events.parts
        if parts:
            try:
                async with asyncio.timeout(_left_s(deadline_s)):
                    result = await self.storage.ingest_events(project_id, parts, content_of_parts)
            except (StoreUnavailable, TimeoutError) as error:
                raise store_unavailable(str(error) or "it takes too long") from error
        self.metrics.events(result, mapped.ignored + mapped.over_limit)
        events = _told([*reasons, *(reason for _, reason in result.rejected)])
        messages = [message for message in (calls.message, events.message) if message]
        return Outcome(calls.rejected + events.rejected, "; ".join(messages))

    def _submit(self, rows: Sequence[SpanRow], within_s: float) -> Future[IngestResult]:
        return self.storage.submit(rows, keep_all=self._keep_all, within_s=within_s)

    def _count_mapped(self, transport: str, mapped: MappedSpans) -> None:
        self.metrics.received(transport, len(mapped.rows) + len(mapped.rejected) + mapped.over_limit)
        self.metrics.rejected("invalid", len(mapped.rejected))
        self.metrics.unread(mapped.unread)
        self.metrics.rejected("limit", mapped.over_limit)

    def _not_committed(self, rows: int, error: Exception) -> Refusal:
        self.metrics.rejected("unavailable", rows)
        return store_unavailable(str(error) or "it takes too long")

    def _committed(self, mapped: MappedSpans, result: IngestResult, started: float) -> Outcome:
        self.metrics.commit_seconds.observe(time.perf_counter() - started)
        self.metrics.ingested(result)
        return self._outcome(mapped, result)

    def _outcome(self, mapped: MappedSpans, result: IngestResult) -> Outcome:
        over_limit = [self._over_limit] * mapped.over_limit
        return _told([*mapped.rejected, *over_limit, *(reason for _, reason in result.rejected)])


def _left_s(deadline_s: float) -> float:
    """The seconds up to a time of `time.monotonic`; a moment at least."""
    return max(0.1, deadline_s - time.monotonic())


def _wait(future: Future[ResultT], deadline_s: float) -> ResultT:
    """Return the result of something on the event loop. Raises Refusal once the deadline has passed."""
    try:
        return future.result(_left_s(deadline_s))
    except FutureTimeout:
        future.cancel()
        raise store_unavailable("it takes too long") from None


def _told(reasons: Sequence[str]) -> Outcome:
    """All reasons are counted, a few are told; the same one for many spans is told once."""
    if not reasons:
        return Outcome()
    told = list(dict.fromkeys(reasons))
    more = f" … and {len(told) - _REASONS_TOLD} more reasons" if len(told) > _REASONS_TOLD else ""
    return Outcome(len(reasons), "; ".join(told[:_REASONS_TOLD]) + more)
