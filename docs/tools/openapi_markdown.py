"""Render the OpenAPI document of the server as one Markdown page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import cast

Object = Mapping[str, object]

_HEAD = """# HTTP API reference

This page is generated from the OpenAPI document that the server sends at `GET /openapi.json`.
[The HTTP API](api.md) explains the rules that all routes share.
"""

_SECURITY = {
    "key": "a project's key (`Authorization: Bearer pulse_sk_…`)",
    "admin": "`X-Admin-Key`",
    "session": "web session",
}


def openapi_markdown(document: Object) -> str:
    """Return a page with one section per route and one per schema of an OpenAPI 3.1 document."""
    sections = [_HEAD, "## Routes\n"]
    for path, methods in _object(document["paths"]).items():
        sections += [
            _route(method, path, _object(operation))
            for method, operation in _object(methods).items()
            if method not in ("options", "parameters")
        ]
    sections.append("## Schemas\n")
    schemas = _object(_object(document["components"])["schemas"])
    sections += [_schema_section(name, _object(schema)) for name, schema in schemas.items()]
    return "\n".join(sections)


def _route(method: str, path: str, operation: Object) -> str:
    lines = [f"### {method.upper()} {path}", "", f"{operation['summary']}.", ""]
    if "description" in operation:
        lines += [str(operation["description"]), ""]
    lines += [f"Access: {_access(operation)}.", ""]
    parameters = [_object(each) for each in _list(operation.get("parameters", []))]
    if parameters:
        lines += ["| Parameter | In | Type | Meaning |", "| --- | --- | --- | --- |"]
        lines += [_parameter(each) for each in parameters]
        lines.append("")
    if "requestBody" in operation:
        body = _object(operation["requestBody"])
        lines += _contents("Request body" + ("" if body.get("required") else " (optional)"), body)
    errors: list[str] = []
    for status, response in _object(operation["responses"]).items():
        described = _object(response)
        phrase = f"{status} {HTTPStatus(int(status)).phrase}"
        if status < "400":
            lines += _contents(f"Response {phrase}", described)
        else:
            errors.append(phrase)
    if errors:
        lines += [f"Errors: {', '.join(errors)}.", ""]
    return "\n".join(lines)


def _contents(title: str, described: Object) -> Iterator[str]:
    """Yield the content of a request or response: its media types and the fields of JSON objects."""
    contents = _object(described.get("content", {}))
    types = [f"`{kind}`" for kind in contents]
    schemas = [_object(_object(media)["schema"]) for media in contents.values() if "schema" in _object(media)]
    text = schema_text(schemas[0]) if schemas else ""
    yield f"{title}: {', '.join(types)}{', ' if types and text else ''}{text}".removesuffix(": ") + "."
    yield ""
    if schemas and _nested(schemas[0]):
        yield from _fields(schemas[0])
        yield ""


def _access(operation: Object) -> str:
    names = [name for each in _list(operation.get("security", [])) for name in _object(each)]
    return " or ".join(_SECURITY[name] for name in names) or "no key"


def _parameter(parameter: Object) -> str:
    required = ", required" if parameter.get("required") else ""
    meaning = _cell(str(parameter.get("description", "")))
    schema = _object(parameter["schema"])
    return f"| `{parameter['name']}` | {parameter['in']}{required} | {schema_text(schema)} | {meaning} |"


def _schema_section(name: str, schema: Object) -> str:
    lines = [f"### {name}", ""]
    if "description" in schema:
        lines += [str(schema["description"]), ""]
    for part in [_object(each) for each in _list(schema.get("allOf", [schema]))]:
        lines += list(_fields(part)) if _nested(part) else [f"Type: {schema_text(part)}."]
        lines.append("")
    return "\n".join(lines)


def _fields(schema: Object) -> Iterator[str]:
    """Yield a table of an object's fields; nested ones follow as `outer.inner` or `outer[].inner`."""
    rows = list(_rows(schema, ""))
    with_meaning = any(meaning for *_, meaning in rows)
    yield "| Field | Type | Required |" + (" Meaning |" if with_meaning else "")
    yield "| --- | --- | --- |" + (" --- |" if with_meaning else "")
    for name, text, required, meaning in rows:
        yield f"| `{name}` | {text} | {required} |" + (f" {meaning} |" if with_meaning else "")


def _rows(schema: Object, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    suffix, fields = _nested(schema) or ("", {})
    path = f"{prefix}{suffix}." if prefix else ""
    required = _list(fields.get("required", []))
    for name, described in _object(fields.get("properties", {})).items():
        field = _object(described)
        meaning = _cell(str(field.get("description", "")))
        yield path + name, schema_text(field), "yes" if name in required else "no", meaning
        yield from _rows(field, path + name)


def _nested(schema: Object) -> tuple[str, Object] | None:
    """Return the object schema with named fields in a schema, and "[]" for each array around it."""
    if "properties" in schema:
        return "", schema
    if schema.get("type") == "array":
        inner = _nested(_object(schema.get("items", {})))
        return (f"[]{inner[0]}", inner[1]) if inner else None
    return None


def schema_text(schema: Object) -> str:
    """Return a JSON schema in one line: its type, limits and allowed values, as Markdown for a table."""
    if "allOf" in schema:
        texts = [schema_text(_object(each)) for each in _list(schema["allOf"])]
        return " and ".join(text.removeprefix("any ") for text in texts)
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            texts = [schema_text(_object(each)) for each in _list(schema[combination])]
            return " or ".join(dict.fromkeys(texts))
    if "enum" in schema or "const" in schema:
        values = _list(schema["enum"]) if "enum" in schema else [schema["const"]]
        return ", ".join(f"`{_json(value)}`" for value in values) + _default(schema)
    return _typed(schema) + _limits(schema) + _default(schema)


def _typed(schema: Object) -> str:
    kinds = schema.get("type", "any")
    named = [kinds] if isinstance(kinds, str) else [str(kind) for kind in _list(kinds)]
    return " or ".join(_one_type(kind, schema) for kind in named)


def _one_type(kind: str, schema: Object) -> str:
    if kind == "string" and "format" in schema:
        return str(schema["format"])
    if kind == "array":
        return f"array of {schema_text(_object(schema.get('items', {})))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {schema_text(_object(schema['additionalProperties']))}"
    return kind


def _limits(schema: Object) -> str:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {} items",
        "maxItems": "at most {} items",
    }
    limits = [words[key].format(_number(schema[key])) for key in words if key in schema]
    limits = [
        "not empty" if limit in ("at least 1 characters", "at least 1 items") else limit for limit in limits
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _default(schema: Object) -> str:
    return f"; default `{_json(schema['default'])}`" if "default" in schema else ""


def _number(value: object) -> str:
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _object(value: object) -> Object:
    return cast(Object, value)


def _list(value: object) -> Sequence[object]:
    return cast(Sequence[object], value)
