"""A path and its methods, described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulse_query_api.openapi.parameters import PARAMETERS
from pulse_query_api.openapi.vocabulary import TEXT, Schema

#: One segment of a path.
_PATH_ID: Schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path, but for the path's own parameters."""

    described: Mapping[str, object]
    query: Sequence[Mapping[str, object]]


_OPTIONS = Operation(
    {
        "summary": "List the allowed methods",
        "security": [],
        "responses": {
            "204": {"description": "The header has the methods.", "headers": {"Allow": {"schema": TEXT}}}
        },
    },
    (),
)


def path(template: str, **methods: Operation) -> Mapping[str, object]:
    """A path with what each method does there; names in braces are its parameters."""
    names = [part.split("}")[0] for part in template.split("{")[1:]]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _PATH_ID} for name in names]
    described = {**methods, "options": _OPTIONS}
    return {
        template: {
            method: {**operation.described, "parameters": [*parameters, *operation.query]}
            for method, operation in described.items()
        }
    }


def operation(
    summary: str,
    answer: Schema | None,
    *,
    query: Sequence[str] = (),
    only: Mapping[str, tuple[str, Schema]] | None = None,
    required: Sequence[str] = (),
    body: Schema | None = None,
    body_types: Sequence[str] = ("application/json",),
    body_required: bool = True,
    status: int = 200,
    also: int | None = None,
    security: str | None = None,
    errors: Iterable[int] = (),
) -> Operation:
    """Describe a method: its query parameters, its body, its answer and its errors.

    `only` replaces the descriptions of some parameters, `also` is a second status with the same answer,
    `errors` are those apart from the errors of access. Only a JSON body has a schema.
    """
    refused = {*errors, *((401, 403, 429, 503) if security else ())}
    content = {} if answer is None else {"content": {"application/json": {"schema": answer}}}
    described: dict[str, object] = {
        "summary": summary,
        "security": [{security: []}] if security else [],
        "responses": {
            **{str(code): {"description": "As asked.", **content} for code in (status, also) if code},
            **{str(code): {"description": "Refused; the answer says why."} for code in sorted(refused)},
        },
    }
    if body is not None:
        contents = {kind: {"schema": body} if kind.endswith("json") else {} for kind in body_types}
        described["requestBody"] = {"required": body_required, "content": contents}
    parameters = {**PARAMETERS, **(only or {})}
    return Operation(described, [_query(name, parameters[name], required=name in required) for name in query])


def _query(name: str, parameter: tuple[str, Schema], *, required: bool) -> Mapping[str, object]:
    description, schema = parameter
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema}
