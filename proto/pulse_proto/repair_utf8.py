"""Decode protobuf messages whose strings are not valid UTF-8, which protobuf rejects.

The message is decoded as a copy of its type in which strings are bytes, which has the same encoding. The
invalid bytes are replaced there, and the result is decoded as the original type.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

MessageT = TypeVar("MessageT", bound=Message)


def decode_with_invalid_utf8(message_class: type[MessageT], body: bytes) -> MessageT | None:
    """Decode a message, replacing invalid UTF-8 by U+FFFD; None if the body is malformed in another way."""
    descriptor = cast(Descriptor, message_class.DESCRIPTOR)
    try:
        copy = _class_with_bytes(descriptor).FromString(body)
    except DecodeError:
        return None
    _replace_invalid(copy, descriptor)
    try:
        return message_class.FromString(copy.SerializeToString())
    except DecodeError:
        return None


@cache
def _class_with_bytes(descriptor: Descriptor) -> type[Message]:
    """Return a message class with the same fields, in which the type of strings is bytes."""
    pool = DescriptorPool()
    for file in _with_dependencies(descriptor.file):
        declaration = FileDescriptorProto()
        file.CopyToProto(declaration)
        for message in declaration.message_type:
            _change_strings_to_bytes(message)
        pool.Add(declaration)
    return GetMessageClass(pool.FindMessageTypeByName(descriptor.full_name))


def _with_dependencies(file: FileDescriptor) -> Iterable[FileDescriptor]:
    seen: dict[str, FileDescriptor] = {}

    def visit(current: FileDescriptor) -> None:
        if current.name not in seen:
            for dependency in current.dependencies:
                visit(dependency)
            seen[current.name] = current

    visit(file)
    return seen.values()


def _change_strings_to_bytes(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _change_strings_to_bytes(nested)


def _replace_invalid(message: Message, original: Descriptor) -> None:
    """Replace invalid UTF-8 in the fields that are strings in `original`; upb limits the depth to 100."""
    for field, value in message.ListFields():
        original_field = original.fields_by_name[field.name]
        if original_field.type == FieldDescriptor.TYPE_MESSAGE:
            assert original_field.message_type is not None
            for nested in value if original_field.is_repeated else (value,):
                _replace_invalid(nested, original_field.message_type)
        elif original_field.type == FieldDescriptor.TYPE_STRING:
            if original_field.is_repeated:
                value[:] = [_valid_utf8(item) for item in value]
            else:
                setattr(message, field.name, _valid_utf8(value))


def _valid_utf8(text: Any) -> bytes:
    return bytes(text).decode(errors="replace").encode()
