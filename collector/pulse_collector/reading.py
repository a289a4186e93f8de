"""Reads the body of a request in bounded memory: decompresses, decodes part by part, and maps it."""

from __future__ import annotations

import time
from typing import Any

from pulse_collector import compression
from pulse_collector.admission import Reservation
from pulse_collector.mapping.events import MappedEvents
from pulse_collector.mapping.logs import MappedLogs, map_logs
from pulse_collector.mapping.spans import MappedSpans, SpanMapper
from pulse_collector.pricing import Prices
from pulse_collector.refusals import too_many_parts, unreadable
from pulse_proto.bounded import decode_bounded
from pulse_proto.errors import TooManyParts, Unreadable
from pulse_proto.otlp import LOGS, TRACES, Encoding, Signal
from pulse_storage.runtime.writer import ROW_BYTES


class RequestReader:
    """Decodes and maps request bodies within the limits of one collector. Thread-safe."""

    def __init__(self, max_body_bytes: int, max_spans: int, mapper: SpanMapper) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_spans = max_spans
        self._mapper = mapper

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
        """Return the mapped spans or log records of a body; None for metrics, which are not stored.

        Charges decompressed bytes and rows to `reservation`. Raises Refusal (400, 413, 503).
        """
        inflated = compression.inflate(content_encoding, body, self._max_body_bytes, reservation.take)
        try:
            if signal is TRACES:
                return self._spans(project_id, inflated, encoding, reservation, prices)
            if signal is LOGS:
                return self._logs(project_id, inflated, encoding, reservation, prices)
            # Metrics are decoded only to refuse what is unreadable.
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
            more = self._mapper.map_spans(project_id, part.request, received_ns, prices)
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
            more = map_logs(self._mapper, project_id, part.request, received_ns, prices)
            reservation.take((len(more.events.parts) + len(more.calls.rows)) * ROW_BYTES)
            mapped.add(more)
            mapped.over_limit += part.over_limit
        return mapped
