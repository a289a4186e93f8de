"""Reads the body of a request in bounded memory: inflated, decoded part by part, mapped, charged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pulse_collector import compression
from pulse_collector.admission import Reservation
from pulse_collector.mapping.events import MappedEvents
from pulse_collector.mapping.logs import MappedLogs, map_logs
from pulse_collector.mapping.spans import MappedSpans, map_spans
from pulse_collector.pricing import Prices
from pulse_collector.refusals import too_many_parts, unreadable
from pulse_proto.bounded import decode_bounded
from pulse_proto.errors import TooManyParts, Unreadable
from pulse_proto.otlp import LOGS, TRACES, Encoding, Signal
from pulse_storage.runtime.writer import ROW_BYTES


class RequestReader:
    """Reads requests of one collector. Safe from any thread."""

    def __init__(self, max_body_bytes: int, max_spans: int, give_way: Callable[[], object]) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_spans = max_spans
        self._give_way = give_way

    def read(
        self,
        signal: Signal[Any],
        project_id: str,
        body: bytes,
        encoding: Encoding,
        content_encoding: str | None,
        reservation: Reservation,
        prices: Prices,
    ) -> MappedSpans | MappedLogs | None:
        """Return what a request has for the store: spans, log records, or, of metrics, nothing.

        Raises Refusal (400, 413, 503).
        """
        inflated = compression.inflate(content_encoding, body, self._max_body_bytes, reservation.take)
        try:
            if signal is TRACES:
                return self._spans(project_id, inflated, encoding, reservation, prices)
            if signal is LOGS:
                return self._logs(project_id, inflated, encoding, reservation, prices)
            # Nothing of what is decoded is kept.
            for _ in decode_bounded(signal, inflated, encoding, 0):
                pass
        except TooManyParts as error:
            raise too_many_parts(error) from error
        except Unreadable as error:
            raise unreadable(f"The request cannot be read: {error}.") from error
        return None

    def _spans(
        self, project_id: str, body: bytes, encoding: Encoding, reservation: Reservation, prices: Prices
    ) -> MappedSpans:
        received_ns = time.time_ns()
        mapped = MappedSpans([], [])
        for part in decode_bounded(TRACES, body, encoding, self._max_spans):
            if part.request is None:
                mapped.rejected.append(f"a span cannot be decoded: {part.refused}")
                continue
            more = map_spans(project_id, part.request, received_ns, prices, self._give_way)
            reservation.take(len(more.rows) * ROW_BYTES)
            mapped.add(more)
            mapped.over_limit += part.over_limit
        return mapped

    def _logs(
        self, project_id: str, body: bytes, encoding: Encoding, reservation: Reservation, prices: Prices
    ) -> MappedLogs:
        received_ns = time.time_ns()
        mapped = MappedLogs(MappedEvents([], 0), MappedSpans([], []), 0)
        for part in decode_bounded(LOGS, body, encoding, self._max_spans):
            if part.request is None:
                mapped.over_limit += 1
                continue
            more = map_logs(project_id, part.request, received_ns, prices, self._give_way)
            reservation.take((len(more.events.parts) + len(more.calls.rows)) * ROW_BYTES)
            mapped.add(more)
            mapped.over_limit += part.over_limit
        return mapped
