"""Shared JSON schemas, and functions that build schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Schema = Mapping[str, object]

#: Characters that `str.strip` removes.
_SPACE = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NOT_BLANK = rf"^[^\u0000]*[^\u0000{_SPACE}][^\u0000]*$"

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
DATE_TIME: Schema = {"type": "string", "format": "date-time"}
#: A string that is not blank and contains no NUL, which PostgreSQL cannot store.
ID: Schema = {"type": "string", "minLength": 1, "pattern": _NOT_BLANK}
#: A string that is not blank; Pulse replaces NUL in it.
NAME: Schema = {"type": "string", "pattern": f"[^{_SPACE}]"}
#: A date or a date-time, without the year 0 and leap seconds.
DATE_OR_DATE_TIME: Schema = {
    "type": "string",
    "pattern": "^(?!0000)[0-9]{4}-[^:]*(:[0-5][0-9]){0,2}([^0-9:].*)?$",
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "examples": ["2026-11-23", "2026-11-23T08:30:00Z"],
}
DOCUMENT: Schema = {"type": ["object", "null"]}


def fields(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """Return an object schema with the given required properties, and `optional` properties."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def closed_object(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """Return an object schema that allows no properties except the given ones."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """Return a schema that allows null in addition to `schema`."""
    return {"anyOf": [schema, {"type": "null"}]}


def items(schema: Schema) -> Schema:
    """Return the schema of an array whose items match `schema`."""
    return {"type": "array", "items": schema}


def list_of(name: str) -> Schema:
    """Return the schema of an array whose items match the component schema `name`."""
    return items(ref(name))


def ref(name: str) -> Schema:
    """Return a reference to the component schema `name`."""
    return {"$ref": f"#/components/schemas/{name}"}
