"""A path and its methods, described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulse_query_api.openapi.parameters import PARAMETERS
from pulse_query_api.openapi.vocabulary import TEXT, Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path, but for the path's own parameters."""

    described: Mapping[str, object]
    query: Sequence[Mapping[str, object]]


def path(template: str, **methods: Operation) -> Mapping[str, object]:
    """A path with what each method does there; names in braces are its parameters."""
    names = [part.split("}")[0] for part in template.split("{")[1:]]
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    return {
        template: {
            method: {**operation.described, "parameters": [*parameters, *operation.query]}
            for method, operation in methods.items()
        }
    }


def operation(
    summary: str,
    answer: Schema | None,
    *,
    query: Sequence[str] = (),
    required: Sequence[str] = (),
    body: Schema | None = None,
    status: int = 200,
    security: str | None = None,
    errors: Iterable[int] = (),
) -> Operation:
    """What a method answers, and to which query parameters and body; `errors` beside those of access."""
    refused = {*errors, *((401, 403, 503) if security else ())}
    content = {} if answer is None else {"content": {"application/json": {"schema": answer}}}
    described: dict[str, object] = {
        "summary": summary,
        "security": [{security: []}] if security else [],
        "responses": {
            str(status): {"description": "As asked.", **content},
            **{str(code): {"description": "Refused; the answer says why."} for code in sorted(refused)},
        },
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return Operation(described, [_query(name, required=name in required) for name in query])


def _query(name: str, *, required: bool) -> Mapping[str, object]:
    description, schema = PARAMETERS[name]
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema}
