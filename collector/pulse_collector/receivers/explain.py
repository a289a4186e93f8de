"""`POST /v1/explain`: how spans and log events would be read and counted; nothing is stored."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pulse_collector import compression
from pulse_collector.admission import Reservation
from pulse_collector.explain.answer import Answer, explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.explain.telemetry import read_telemetry
from pulse_collector.ingest import Collector
from pulse_collector.pricing import Prices
from pulse_collector.receivers.otlp_http import ClientGone, read_body
from pulse_collector.refusals import Refusal, unreadable, unsupported
from pulse_proto.errors import Unreadable
from pulse_proto.otlp import Encoding, encoding_of

#: A second of one core, about: some ten spans.
_MAX_MAPPINGS = 4_000
_MAX_MAPPED_BYTES = 32 * 1024 * 1024
_PROBLEM_JSON = "application/problem+json"


def explain_routes(collector: Collector) -> list[Route]:
    """The one route, for keys of either scope; errors are RFC 9457 problem details."""

    async def post_explain(request: Request) -> Response:
        try:
            answer = await _post(collector, request)
        except ClientGone:
            return Response(status_code=499)
        except Refusal as refusal:
            collector.metrics.request("http", "explain", refusal.http_status)
            return _problem(refusal)
        collector.metrics.request("http", "explain", 200)
        return Response(orjson.dumps(answer), media_type="application/json")

    return [Route("/v1/explain", post_explain, methods=["POST"])]


async def _post(collector: Collector, request: Request) -> Answer:
    key = await collector.admit_any(request.headers.get("authorization"))
    encoding = encoding_of(request.headers.get("content-type"))
    if encoding is None:
        raise unsupported("Content-Type must be application/x-protobuf or application/json.")
    content_encoding = request.headers.get("content-encoding")
    compression.codec(content_encoding)
    prices = await collector.prices_of(key.project_id)
    limit_bytes = collector.max_body_bytes
    with collector.budget.reservation() as reservation:
        sent = await read_body(dict(request.headers.raw), request.receive, limit_bytes, reservation)
        return await asyncio.get_running_loop().run_in_executor(
            collector.patient, _explained, sent, encoding, content_encoding, limit_bytes, reservation, prices
        )


def _explained(
    sent: bytes,
    encoding: Encoding,
    content_encoding: str | None,
    limit_bytes: int,
    reservation: Reservation,
    prices: Prices,
) -> Answer:
    body = compression.inflate(content_encoding, sent, limit_bytes, reservation.take)
    try:
        telemetry = read_telemetry(body, encoding)
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


def _problem(refusal: Refusal) -> Response:
    headers: dict[str, str] = {}
    if refusal.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.http_status).phrase,
        "status": refusal.http_status,
        "detail": refusal.message,
    }
    return Response(orjson.dumps(problem), refusal.http_status, headers, _PROBLEM_JSON)
