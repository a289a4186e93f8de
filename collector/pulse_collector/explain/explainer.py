"""The service of `POST /v1/explain`: checks the key, looks up the prices and bounds the work."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from pulse_collector import compression
from pulse_collector.admission import ByteBudget, Reservation
from pulse_collector.explain.answer import Answer, explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.explain.telemetry import read_telemetry
from pulse_collector.pricing import Prices
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.refusals import not_admitted, store_unavailable, too_many_parts, unreadable
from pulse_proto.errors import TooManyParts, Unreadable
from pulse_proto.otlp import Encoding
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import INGEST, READ, KeyRefused, KeyRing, ScopeMissing
from pulse_storage.rows import ApiKey

#: About one second of one core: some ten spans.
_MAX_MAPPINGS = 4_000
_MAX_MAPPED_BYTES = 32 * 1024 * 1024


class Explainer:
    """Explains how spans and log events are read. Needs no collector and stores nothing."""

    def __init__(
        self, keys: KeyRing, prices: PriceBook, inflight: ByteBudget, *, max_body_bytes: int
    ) -> None:
        self.inflight = inflight
        self.max_body_bytes = max_body_bytes
        self._keys = keys
        self._prices = prices
        # One thread: a slow explanation must neither delay ingestion nor run several times at once.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pulse-explain")

    async def admit(self, authorization: str | None) -> ApiKey:
        """Return the key, with the scope ingest or read. Raises Refusal: 401, 403 or 503."""
        try:
            try:
                return await self._keys.check(authorization, INGEST)
            except ScopeMissing:
                return await self._keys.check(authorization, READ)
        except (KeyRefused, ScopeMissing, StoreUnavailable) as error:
            raise not_admitted(error) from error

    async def explained(
        self,
        project_id: str,
        sent: bytes,
        encoding: Encoding,
        content_encoding: str | None,
        reservation: Reservation,
    ) -> Answer:
        """Explain the spans and log events of a body at the project's prices. Raises Refusal."""
        try:
            prices = await self._prices.of(project_id)
        except StoreUnavailable as error:
            raise store_unavailable(error) from error
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, self._explain, sent, encoding, content_encoding, reservation, prices
        )

    def close(self) -> None:
        """Stop the thread. Call it after the last request."""
        self._worker.shutdown(cancel_futures=True)

    def _explain(
        self,
        sent: bytes,
        encoding: Encoding,
        content_encoding: str | None,
        reservation: Reservation,
        prices: Prices,
    ) -> Answer:
        body = compression.inflate(content_encoding, sent, self.max_body_bytes, reservation.take)
        try:
            telemetry = read_telemetry(body, encoding)
        except TooManyParts as error:
            raise too_many_parts(error) from error
        except Unreadable as error:
            raise unreadable(f"The request cannot be read: {error}.") from error
        return explanation_json(
            explain(
                telemetry.spans,
                telemetry.logs,
                received_ns=time.time_ns(),
                budget=Budget(_MAX_MAPPINGS, _MAX_MAPPED_BYTES),
                prices=prices,
            )
        )
