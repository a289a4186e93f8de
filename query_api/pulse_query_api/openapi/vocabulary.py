"""Schemas that several descriptions use, and functions that build schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
#: A text without NUL, which databases cannot hold, and not blank.
ID: Schema = {"type": "string", "minLength": 1, "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}
#: A date or a date-time; the year 0 and leap seconds are refused.
INSTANT: Schema = {
    "type": "string",
    "pattern": "^(?!0000)[0-9]{4}-[^:]*(:[0-5][0-9]){0,2}([^0-9:].*)?$",
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "examples": ["2026-11-23", "2026-11-23T08:30:00Z"],
}
DOCUMENT: Schema = {"type": ["object", "null"]}


def fields(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """An object with these fields."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def closed(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """Return an object schema that allows no other properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """Return the schema that also allows null."""
    return {"anyOf": [schema, {"type": "null"}]}


def items(schema: Schema) -> Schema:
    """An array of these."""
    return {"type": "array", "items": schema}


def list_of(name: str) -> Schema:
    """An array of what a component schema describes."""
    return items(ref(name))


def ref(name: str) -> Schema:
    """A component schema, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
