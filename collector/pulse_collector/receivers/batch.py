"""`POST /v1/traces/batch`: the seed's own ingest route, for clients without OpenTelemetry."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pulse_collector import compression
from pulse_collector.admission import Reservation
from pulse_collector.ingest import Collector
from pulse_collector.pricing import Prices
from pulse_collector.receivers.batch_rows import batch_row
from pulse_collector.receivers.batch_schema import InvalidBatch, read_batch
from pulse_collector.receivers.otlp_http import ClientGone, read_body
from pulse_collector.refusals import Refusal, out_of_memory, store_unavailable
from pulse_storage.errors import StoreUnavailable
from pulse_storage.rows import IngestResult, SpanRow
from pulse_storage.trace_json import trace_object

_log = logging.getLogger(__name__)
_JSON = "application/json"


class _NotStored(Exception):
    """The store rejected some rows of a batch, for example since retention has deleted rows of their time."""

    def __init__(self, result: IngestResult) -> None:
        super().__init__(
            f"{len(result.rejected)} traces of the batch cannot be stored; the other traces are stored."
        )
        self.details = [{"path": str(index), "message": reason} for index, reason in result.rejected]


def batch_routes(collector: Collector) -> list[Route]:
    """Return the route. Errors are `{"error": …}`; validation errors have `details` too."""

    async def post_traces_batch(request: Request) -> Response:
        headers = dict[str, str]()
        try:
            response = await _post(collector, request)
        except InvalidBatch as error:
            status = 400
            answer = {"error": str(error), **({"details": error.details} if error.details else {})}
        except _NotStored as error:
            status = 409
            answer = {"error": str(error), "details": error.details}
        except (Refusal, MemoryError) as error:
            refusal = error if isinstance(error, Refusal) else out_of_memory()
            status, headers = refusal.http_status, _headers(refusal)
            answer = {"error": refusal.message}
        except ClientGone:
            return Response(status_code=499)
        else:
            collector.metrics.request("batch", "traces", response.status_code)
            return response
        collector.metrics.request("batch", "traces", status)
        return Response(orjson.dumps(answer), status, headers, _JSON)

    return [Route("/v1/traces/batch", post_traces_batch, methods=["POST"])]


async def _post(collector: Collector, request: Request) -> Response:
    key = await collector.admit(request.headers.get("authorization"))
    content_encoding = request.headers.get("content-encoding")
    compression.codec(content_encoding)
    limit_bytes = collector.max_body_bytes
    prices = await collector.prices_of(key.project_id)
    with collector.budget.reservation() as reservation:
        sent = await read_body(dict(request.headers.raw), request.receive, limit_bytes, reservation)
        ids, rows = await collector.in_worker(
            len(sent), _read, key.project_id, sent, content_encoding, limit_bytes, reservation, prices
        )
        try:
            result = await collector.store("batch", rows)
            if result.rejected:
                raise _NotStored(result)
            first = await _shown(collector, key.project_id, ids)
        except StoreUnavailable as error:
            raise store_unavailable(error) from error
    if len(first) == len(ids):
        return Response(orjson.dumps({"count": len(ids), "traces": first}), 202, media_type=_JSON)
    return StreamingResponse(_document(collector, key.project_id, ids, first), 202, media_type=_JSON)


async def _document(
    collector: Collector, project_id: str, ids: Sequence[UUID], part: list[dict[str, object]]
) -> AsyncIterator[bytes]:
    """Yield a response that may exceed memory, part by part. A failure can only truncate it."""
    yield b'{"count":%d,"traces":[' % len(ids)
    shown = 0
    while True:
        shown += len(part)
        yield orjson.dumps(part)[1:-1]
        if shown == len(ids):
            break
        yield b","
        part = await _shown(collector, project_id, ids[shown:])
    yield b"]}"


def _read(
    project_id: str,
    sent: bytes,
    content_encoding: str | None,
    limit_bytes: int,
    reservation: Reservation,
    prices: Prices,
) -> tuple[list[UUID], list[SpanRow]]:
    traces = read_batch(compression.inflate(content_encoding, sent, limit_bytes, reservation.take))
    return [trace.trace_id for trace in traces], [batch_row(project_id, trace, prices) for trace in traces]


async def _shown(collector: Collector, project_id: str, ids: Sequence[UUID]) -> list[dict[str, object]]:
    """Return stored rows, as many as fit in memory; of a repeated delivery the rows of the first one.

    Raises Refusal if a row is missing.
    """
    records = await collector.storage.get_traces(project_id, ids)
    missing = [str(trace_id) for trace_id, record in zip(ids, records, strict=False) if record is None]
    if missing:
        raise store_unavailable(f"{len(missing)} rows were not stored, the first is {missing[0]}")
    return [trace_object(record, bodies=False) for record in records if record is not None]


def _headers(refusal: Refusal) -> dict[str, str]:
    headers: dict[str, str] = {}
    if refusal.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return headers
