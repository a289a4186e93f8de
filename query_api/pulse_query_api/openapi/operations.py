"""Build OpenAPI path items and operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pulse_query_api.openapi.parameters import PARAMETERS
from pulse_query_api.openapi.vocabulary import Schema

#: One segment of a path.
_PATH_ID: Schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path: its OpenAPI object without `parameters`, and its query parameters."""

    fields: Mapping[str, object]
    query: Sequence[Mapping[str, object]]


def path(template: str, **methods: Operation) -> Mapping[str, object]:
    """Return the path item of a template ; names in braces become path parameters."""
    names = [part.split("}")[0] for part in template.split("{")[1:]]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _PATH_ID} for name in names]
    return {
        template: {
            method: {**operation.fields, "parameters": [*parameters, *operation.query]}
            for method, operation in methods.items()
        }
    }


def operation(
    summary: str,
    response: Schema | None,
    *,
    query: Sequence[str] = (),
    query_overrides: Mapping[str, tuple[str, Schema]] | None = None,
    required: Sequence[str] = (),
    body: Schema | None = None,
    body_types: Sequence[str] = ("application/json",),
    body_required: bool = True,
    status: int = 200,
    second_status: int | None = None,
    security: str | None = None,
    errors: Iterable[int] = (),
) -> Operation:
    """Return an operation with its query parameters, request body, responses and errors.

    `query` names parameters of `PARAMETERS`; `query_overrides` replaces their descriptions and schemas.
    `second_status` is another success status with the same response. `errors` are the statuses beyond those
    of access control, which `security` adds, and of filters. Only JSON bodies get the schema `body`.
    """
    statuses = {
        *errors,
        *((401, 403, 429, 503) if security else ()),
        *((400, 409) if "date_from" in query else ()),
    }
    content = {} if response is None else {"content": {"application/json": {"schema": response}}}
    fields: dict[str, object] = {
        "summary": summary,
        "security": [{security: []}] if security else [],
        "responses": {
            **{
                str(code): {"description": HTTPStatus(code).phrase, **content}
                for code in (status, second_status)
                if code
            },
            **{
                str(code): {"description": f"{HTTPStatus(code).phrase}; the body has the reason."}
                for code in sorted(statuses)
            },
        },
    }
    if body is not None:
        contents = {kind: {"schema": body} if kind.endswith("json") else {} for kind in body_types}
        fields["requestBody"] = {"required": body_required, "content": contents}
    parameters = {**PARAMETERS, **(query_overrides or {})}
    return Operation(
        fields, [_query_parameter(name, parameters[name], required=name in required) for name in query]
    )


def _query_parameter(name: str, parameter: tuple[str, Schema], *, required: bool) -> Mapping[str, object]:
    description, schema = parameter
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema}
