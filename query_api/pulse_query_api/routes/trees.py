"""GET /v1/trees, GET /v1/trees/{otel_trace_id} and the row of one of its spans."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.errors import ApiError
from pulse_query_api.responses import JSON, json_response, next_link
from pulse_query_api.services.trees import encoded_tree, span_and_reason
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.trees import TreeSummary
from pulse_storage.trace_json import cents, rfc3339

_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE | re.ASCII)
_SPAN_ID = re.compile(r"[0-9a-f]{16}", re.IGNORECASE | re.ASCII)


def tree_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the routes that list OTel traces, read one as columns, and find the row of a span."""

    async def get_trees(request: Request, project_id: str) -> Response:
        where, page = params.tree_list_query(request.scope["query_string"])
        found = await storage.list_trees(project_id, where, page)
        return json_response(
            {
                "trees": [_summary_object(tree) for tree in found.trees],
                "next_cursor": found.next_cursor,
                "complete": found.is_complete,
            },
            headers=_link(request, found.next_cursor),
        )

    async def get_tree(request: Request, project_id: str) -> Response:
        cursor = params.cursor_query(request.scope["query_string"])
        trace_id = _id(request, "otel_trace_id", _TRACE_ID)
        tree = None
        if trace_id is not None:
            tree = await encoded_tree(
                storage,
                project_id,
                trace_id,
                cursor,
                if_none_match=request.headers.get("if-none-match"),
                accept_encoding=request.headers.get("accept-encoding"),
            )
        if tree is None:
            raise ApiError(404, "This project has no spans of a trace with this id.")
        headers = tree.headers | _link(request, tree.next_cursor)
        if tree.body is None:
            return Response(status_code=304, headers=headers)
        return Response(tree.body, headers=headers, media_type=JSON)

    async def get_tree_span(request: Request, project_id: str) -> Response:
        params.no_query(request.scope["query_string"])
        trace_id, span_id = _id(request, "otel_trace_id", _TRACE_ID), _id(request, "otel_span_id", _SPAN_ID)
        found = None
        if trace_id is not None and span_id is not None:
            found = await span_and_reason(storage, project_id, trace_id, span_id)
        if found is None:
            raise ApiError(404, "This project has no span with these ids.")
        row, reason = found
        return json_response(
            {
                "trace_id": row.trace_id,
                "counted": row.counted,
                "not_counted": None if reason is None else reason.as_json(),
            }
        )

    return [
        KeyRoute("/v1/trees", get_trees, access, problem_details=True),
        KeyRoute("/v1/trees/{otel_trace_id}", get_tree, access, problem_details=True),
        KeyRoute(
            "/v1/trees/{otel_trace_id}/spans/{otel_span_id}", get_tree_span, access, problem_details=True
        ),
    ]


def _id(request: Request, name: str, form: re.Pattern[str]) -> bytes | None:
    """Return an OTel id from the path; None if it has another form."""
    text: str = request.path_params[name].strip()
    return bytes.fromhex(text) if form.fullmatch(text) else None


def _link(request: Request, cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"Link": next_link(request, cursor)}


def _summary_object(tree: TreeSummary) -> dict[str, object]:
    return {
        "otel_trace_id": tree.otel_trace_id.hex(),
        "name": tree.name,
        "root": None if tree.root_span_id is None else tree.root_span_id.hex(),
        "complete": tree.is_complete,
        "started_at": rfc3339(tree.start_ns),
        "duration_ms": tree.duration_ms,
        "spans": tree.spans,
        "at_least": tree.at_least,
        "calls": tree.calls,
        "errors": tree.errors,
        "input_tokens": tree.input_tokens,
        "output_tokens": tree.output_tokens,
        "cost_cents": None if tree.cost_nano_usd is None else cents(tree.cost_nano_usd),
        "cost_source": tree.cost_source,
        "unpriced": tree.unpriced,
        "unknown_usage": tree.unknown_usage,
        "session_id": tree.session_id,
        "user_id": tree.user_id,
        "service": tree.service,
        "input_preview": tree.input_preview,
        "output_preview": tree.output_preview,
    }
