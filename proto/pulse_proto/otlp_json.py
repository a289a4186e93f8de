"""Decode OTLP/JSON to protobuf messages.

OTLP/JSON differs from proto3 JSON: trace and span ids are hexadecimal, enums are integers. Like the
OpenTelemetry Collector, this decoder also accepts enum names, snake_case keys and numbers for 64-bit
integers. Unknown fields are ignored; null means absent, except in the request's list of resources.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from pulse_proto.errors import Unreadable
from pulse_proto.json_parts import check_size

MessageT = TypeVar("MessageT", bound=Message)

#: Maximum nesting of messages, the limit of upb. A nested list or map of an attribute is two or three levels.
MAX_DEPTH = 100

_HEX_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

#: Converts a parsed JSON value; its further arguments are the key, for errors, and the depth of its message.
_Convert = Callable[[Any, str, int], Any]


def decode(
    message_class: type[MessageT], body: bytes, select: Callable[[dict[str, Any]], object] | None = None
) -> MessageT:
    """Decode a JSON text to a message. Raises Unreadable with the name of the invalid field.

    `select` may remove parts of the parsed document before they are decoded.
    """
    check_size(body)
    document = _parse(body)
    if not isinstance(document, dict):
        raise Unreadable("the body must be a JSON object")
    if select is not None:
        select(cast(dict[str, Any], document))
    try:
        return _message(message_class, cast(dict[str, Any], document), message_class.DESCRIPTOR.name, 0)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"the body is not an OTLP/JSON request: {error}") from error


def _parse(body: bytes) -> object:
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # orjson rejects lone surrogates, which occur in texts that were cut within an emoji.
        if b"\\ud" not in body and b"\\uD" not in body:
            raise Unreadable(f"the body is not JSON: {error}") from error
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
        text = json.dumps(document, ensure_ascii=False)
        return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _message(message_class: type[MessageT], document: dict[str, Any], path: str, depth: int) -> MessageT:
    if depth > MAX_DEPTH:
        raise Unreadable(f"values are nested more than {MAX_DEPTH} messages deep")
    fields = _fields(message_class)
    values: dict[str, Any] = {}
    for key, value in document.items():
        field = fields.get(key)
        if field is not None and value is not None:
            name, convert = field
            values[name] = convert(value, key, depth)
    try:
        return message_class(**values)
    except (ValueError, TypeError) as error:
        raise Unreadable(f"{path}: {error}") from error


@cache
def _fields(message_class: type[Message]) -> dict[str, tuple[str, _Convert]]:
    """Return, by JSON key in camelCase and snake_case, the field's name and the converter of its value."""
    fields: dict[str, tuple[str, _Convert]] = {}
    for field in cast(Descriptor, message_class.DESCRIPTOR).fields:
        convert = _list_of(_converter(field)) if field.is_repeated else _converter(field)
        for key in (field.json_name, field.name):
            fields[key] = (field.name, convert)
    return fields


def _converter(field: FieldDescriptor) -> _Convert:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        assert field.message_type is not None
        return _nested(field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hex_id if field.name in _HEX_IDS else _base64
    if field.type == FieldDescriptor.TYPE_ENUM:
        assert field.enum_type is not None
        return _enum(field.enum_type)
    return _SCALARS[field.cpp_type]


def _list_of(convert: _Convert) -> _Convert:
    def convert_list(value: Any, key: str, depth: int) -> list[Any]:
        if not isinstance(value, list):
            raise Unreadable(f"{key} must be a list")
        items = cast(list[Any], value)
        if depth == 0 and None in items:
            raise Unreadable(f"{key} must not contain null")
        return [convert(item, key, depth) for item in items if item is not None]

    return convert_list


def _nested(descriptor: Descriptor) -> _Convert:
    message_class = GetMessageClass(descriptor)

    def convert(value: Any, key: str, depth: int) -> Message:
        if not isinstance(value, dict):
            raise Unreadable(f"{key} must be an object")
        return _message(message_class, cast(dict[str, Any], value), key, depth + 1)

    return convert


def _enum(descriptor: EnumDescriptor) -> _Convert:
    numbers: dict[str, int] = {value.name: value.number for value in descriptor.values}

    def convert(value: Any, key: str, depth: int) -> int:
        if isinstance(value, str) and value in numbers:
            return numbers[value]
        return _integer(value, key, depth)

    return convert


def _hex_id(value: Any, key: str, depth: int) -> bytes:
    try:
        return bytes.fromhex(value)
    except (ValueError, TypeError):
        raise Unreadable(f"{key} must be hexadecimal digits, not {str(value)[:40]!r}") from None


def _base64(value: Any, key: str, depth: int) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Unreadable(f"{key} must be base64") from None


def _integer(value: Any, key: str, depth: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            pass
    raise Unreadable(f"{key} must be an integer, not {str(value)[:40]!r}")


def _double(value: Any, key: str, depth: int) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise Unreadable(f"{key} must be a number, not {str(value)[:40]!r}")


def _text(value: Any, key: str, depth: int) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{key} must be a string")
    return value


def _boolean(value: Any, key: str, depth: int) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(f"{key} must be true or false")
    return value


_SCALARS: dict[int, _Convert] = {
    FieldDescriptor.CPPTYPE_INT32: _integer,
    FieldDescriptor.CPPTYPE_INT64: _integer,
    FieldDescriptor.CPPTYPE_UINT32: _integer,
    FieldDescriptor.CPPTYPE_UINT64: _integer,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _double,
    FieldDescriptor.CPPTYPE_BOOL: _boolean,
    FieldDescriptor.CPPTYPE_STRING: _text,
}
