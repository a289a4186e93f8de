"""`POST /v1/explain`: explains how spans and log events are read and counted; stores nothing."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pulse_collector import compression
from pulse_collector.explain.answer import Answer
from pulse_collector.explain.explainer import Explainer
from pulse_collector.receivers.otlp_http import ClientGone, read_body
from pulse_collector.refusals import Refusal, out_of_memory, unsupported
from pulse_proto.otlp import encoding_of

_PROBLEM_JSON = "application/problem+json"


def explain_routes(explainer: Explainer) -> list[Route]:
    """Return the route of `POST /v1/explain`, for keys of any scope. Errors are RFC 9457 problem details."""

    async def post_explain(request: Request) -> Response:
        try:
            answer = await _post(explainer, request)
        except ClientGone:
            return Response(status_code=499)
        except Refusal as refusal:
            return _problem(refusal)
        except MemoryError:
            return _problem(out_of_memory())
        return Response(orjson.dumps(answer), media_type="application/json")

    return [Route("/v1/explain", post_explain, methods=["POST"])]


async def _post(explainer: Explainer, request: Request) -> Answer:
    key = await explainer.admit(request.headers.get("authorization"))
    encoding = encoding_of(request.headers.get("content-type"))
    if encoding is None:
        raise unsupported("Content-Type must be application/x-protobuf or application/json.")
    content_encoding = request.headers.get("content-encoding")
    compression.codec(content_encoding)
    with explainer.inflight.reservation() as reservation:
        sent = await read_body(
            dict(request.headers.raw), request.receive, explainer.max_body_bytes, reservation
        )
        return await explainer.explained(key.project_id, sent, encoding, content_encoding, reservation)


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
