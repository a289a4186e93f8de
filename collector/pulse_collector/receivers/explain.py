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
from pulse_collector.receivers.access import Access, Handler
from pulse_collector.receivers.otlp_http import ClientGone, read_body
from pulse_collector.refusals import Refusal, out_of_memory, unsupported
from pulse_proto.otlp import encoding_of

_PROBLEM_JSON = "application/problem+json"


class _KeyAccess:
    """Admits a key with the scope ingest or read."""

    prefix = ""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def respond(self, request: Request, handler: Handler) -> Response:
        """See Access. Raises Refusal."""
        key = await self._explainer.admit(request.headers.get("authorization"))
        return await handler(request, key.project_id)


def explain_routes(explainer: Explainer, access: Access | None = None) -> list[Route]:
    """Return the route of `POST /v1/explain`, for keys or below the prefix of `access`.

    Errors are RFC 9457 problem details, but for those of `access`.
    """
    admission = access or _KeyAccess(explainer)

    async def post_explain(request: Request) -> Response:
        try:
            return await admission.respond(request, explain)
        except ClientGone:
            return Response(status_code=499)
        except Refusal as refusal:
            return _problem(refusal)
        except MemoryError:
            return _problem(out_of_memory())

    async def explain(request: Request, project_id: str) -> Response:
        answer = await _explain(explainer, request, project_id)
        return Response(orjson.dumps(answer), media_type="application/json")

    return [Route(f"{admission.prefix}/v1/explain", post_explain, methods=["POST"])]


async def _explain(explainer: Explainer, request: Request, project_id: str) -> Answer:
    encoding = encoding_of(request.headers.get("content-type"))
    if encoding is None:
        raise unsupported("Content-Type must be application/x-protobuf or application/json.")
    content_encoding = request.headers.get("content-encoding")
    compression.codec(content_encoding)
    with explainer.inflight.reservation() as reservation:
        sent = await read_body(
            dict(request.headers.raw), request.receive, explainer.max_body_bytes, reservation
        )
        return await explainer.explained(project_id, sent, encoding, content_encoding, reservation)


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
