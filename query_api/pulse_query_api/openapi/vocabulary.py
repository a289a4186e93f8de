"""The words that schemas and operations of the description are written in."""

from __future__ import annotations

from collections.abc import Mapping

Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DOCUMENT: Schema = {"type": ["object", "null"]}


def fields(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """An object with these fields."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def items(schema: Schema) -> Schema:
    """An array of these."""
    return {"type": "array", "items": schema}


def list_of(name: str) -> Schema:
    """An array of what a component schema describes."""
    return items(ref(name))


def ref(name: str) -> Schema:
    """A component schema, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
