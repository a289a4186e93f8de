"""Reads the definitions of the tools that a request offers to the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pulse_query_api.messages.json_values import Json, JsonObject, first_member, nested, parse_text
from pulse_query_api.messages.parts import Reading

#: A tool in the form of the API: name, description, parameters, and other members in `other`.
Tool: TypeAlias = "dict[str, object]"

_HOLDERS = ("function", "toolSpec", "tool_spec", "custom", "json_schema")
_LISTS = ("functionDeclarations", "function_declarations")
_SCHEMAS = (
    *(
        "parameters",
        "input_schema",
        "inputSchema",
        "parametersJsonSchema",
        "parameters_json_schema",
        "schema",
    ),
)
_KNOWN = frozenset({"type", "name", "description", *_HOLDERS})


def read_tools(value: Json, reading: Reading) -> list[Tool]:
    """Return the definitions of a list; one without a name has its type as the name."""
    tools: list[Tool] = []
    for definition in _definitions(value):
        if reading.parts_left <= 0:
            break
        reading.parts_left -= 1
        tools.append(_tool(definition))
    return tools


def _definitions(value: Json) -> Iterator[Json]:
    """Yield each definition; Google lists several in one object, some senders write JSON texts."""
    for item in value if isinstance(value, list) else [value]:
        definition = parse_text(item)
        lists = [] if not isinstance(definition, dict) else [definition.get(name) for name in _LISTS]
        listed = next((found for found in lists if isinstance(found, list)), None)
        if listed is None:
            yield definition
        else:
            yield from listed


def _tool(definition: Json) -> Tool:
    if not isinstance(definition, dict):
        return {
            "name": definition if isinstance(definition, str) else None,
            "description": None,
            "parameters": None,
        }
    holder = first_member(definition, _HOLDERS)
    body = nested(definition, holder) if holder is not None else definition
    body = body or definition
    name, description = body.get("name"), body.get("description")
    schema = first_member(body, _SCHEMAS)
    parameters = None if schema is None else _schema(body[schema])
    known = _KNOWN if schema is None else _KNOWN | {schema}
    others: JsonObject = {key: value for key, value in body.items() if key not in known and value is not None}
    if not isinstance(name, str) or not name:
        kind = definition.get("type")
        name = kind if isinstance(kind, str) and kind != "function" else next(iter(definition), None)
    tool: Tool = {
        "name": name,
        "description": description if isinstance(description, str) else None,
        "parameters": parameters,
    }
    kind = definition.get("type")
    if isinstance(kind, str) and kind not in ("function", name):
        others["type"] = kind
    if others:
        tool["other"] = others
    return tool


def _schema(value: Json) -> Json:
    """Return a schema; Bedrock has it in `json`, some senders write it as a JSON text."""
    if isinstance(value, dict) and value.keys() == {"json"}:
        value = value["json"]
    return parse_text(value)
