"""Mends protobuf requests whose strings are not UTF-8, which protobuf would refuse as a whole.

The message types are declared once more with every string as bytes (the same bytes on the wire); what that
reads is mended and read again as the real type.
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


def mend_text(message_class: type[MessageT], body: bytes) -> MessageT | None:
    """The message with U+FFFD for what is not UTF-8; None if that was not what is wrong with it."""
    descriptor = cast(Descriptor, message_class.DESCRIPTOR)
    twin_class = _twin(descriptor)
    try:
        twin = twin_class.FromString(body)
    except DecodeError:
        return None
    _mend(twin, descriptor)
    try:
        return message_class.FromString(twin.SerializeToString())
    except DecodeError:
        return None


@cache
def _twin(descriptor: Descriptor) -> type[Message]:
    pool = DescriptorPool()
    for file in _with_dependencies(descriptor.file):
        declaration = FileDescriptorProto()
        file.CopyToProto(declaration)
        for message in declaration.message_type:
            _declare_bytes(message)
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


def _declare_bytes(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _declare_bytes(nested)


def _mend(twin: Message, real: Descriptor) -> None:
    """Depth is bounded by upb, which reads at most 100 messages within each other."""
    for field, value in twin.ListFields():
        real_field = real.fields_by_name[field.name]
        if real_field.type == FieldDescriptor.TYPE_MESSAGE:
            assert real_field.message_type is not None
            for nested in value if real_field.is_repeated else (value,):
                _mend(nested, real_field.message_type)
        elif real_field.type == FieldDescriptor.TYPE_STRING:
            if real_field.is_repeated:
                value[:] = [_utf8(item) for item in value]
            else:
                setattr(twin, field.name, _utf8(value))


def _utf8(text: Any) -> bytes:
    return bytes(text).decode(errors="replace").encode()
