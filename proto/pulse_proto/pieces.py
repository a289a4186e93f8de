"""Split a large protobuf request into pieces, each a complete request, to decode it in bounded memory.

A decoded message may need seventy times its encoded size, more than a gigabyte for the largest request.
Requests of traces and logs have the same structure (resources, scopes, items), so this code splits both.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from pulse_proto.errors import TooManyParts, Unreadable

#: Maximum size of a piece, unless a single item is larger.
PIECE_BYTES = 256 * 1024
#: Maximum number of fields within one item, resource or scope that is larger than a piece.
MAX_PARTS = 250_000
#: Maximum number of resources, scopes and items of a request.
_MAX_ITEMS = 1_000_000

_LIST = 2  # field number of the scopes in a resource, and of the items in a scope
_LIST_TAG = b"\x12"
_REQUEST_TAG = b"\x0a"
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class Piece(NamedTuple):
    """A piece of a request, or one item that is refused."""

    #: A complete encoded request; empty for a refused item.
    body: bytes
    #: Why the item is refused: it has too many parts.
    refused: str | None = None


def pieces(request: type[Message], body: bytes) -> Iterator[Piece]:
    """Split an encoded request of traces or logs. Raises Unreadable, TooManyParts."""
    if len(body) <= PIECE_BYTES:
        yield Piece(body)
        return
    walk = _Walk(body, cast(Descriptor, request.DESCRIPTOR))
    yield from walk.pieces()


def check_parts(message: type[Message], body: bytes) -> None:
    """Raise TooManyParts if decoding an encoded message would need too much memory. Raises Unreadable."""
    if len(body) > PIECE_BYTES:
        _count_parts(body, 0, len(body), cast(Descriptor, message.DESCRIPTOR), MAX_PARTS)


class _Walk:
    """Splits one encoded request into pieces of its items, each with a copy of its resource and scope."""

    def __init__(self, body: bytes, descriptor: Descriptor) -> None:
        self._body = body
        resource = _message_type(descriptor, 1)
        scope = _message_type(resource, _LIST)
        self._types = resource, scope, _message_type(scope, _LIST)
        self._items = 0

    def pieces(self) -> Iterator[Piece]:
        for number, start, end, _ in self._fields(0, len(self._body)):
            if number == 1:
                yield from self._of_resource(start, end)

    def _of_resource(self, start: int, end: int) -> Iterator[Piece]:
        head, scopes = self._split(start, end, self._types[0])
        for scope_start, scope_end in zip(scopes[1::3], scopes[2::3], strict=True):
            scope_head, items = self._split(scope_start, scope_end, self._types[1])
            yield from self._of_scope(head, scope_head, items)

    def _of_scope(self, head: bytes, scope_head: bytes, items: array[int]) -> Iterator[Piece]:
        # Each piece repeats the heads; larger pieces limit the overhead of large heads.
        limit = max(PIECE_BYTES, 4 * (len(head) + len(scope_head)))
        some: list[bytes] = []
        size = 0
        for field_start, start, end in zip(items[::3], items[1::3], items[2::3], strict=True):
            if some and size + end - field_start > limit:
                yield Piece(_request(head, scope_head, some))
                some, size = [], 0
            if end - start > PIECE_BYTES:
                try:
                    _count_parts(self._body, start, end, self._types[2], MAX_PARTS)
                except TooManyParts as error:
                    yield Piece(b"", str(error))
                    continue
            some.append(self._body[field_start:end])
            size += end - field_start
        if some or not items:
            yield Piece(_request(head, scope_head, some))

    def _split(self, start: int, end: int, descriptor: Descriptor) -> tuple[bytes, array[int]]:
        """Return the bytes of all fields except the list, and the offsets of the list's elements.

        There are three offsets for each element: start of its field, start of its value, end of both.
        """
        rest: list[bytes] = []
        elements: array[int] = array("Q")
        for number, value_start, value_end, field_start in self._fields(start, end):
            if number == _LIST:
                elements.extend((field_start, value_start, value_end))
            else:
                rest.append(self._body[field_start:value_end])
        head = b"".join(rest)
        if len(head) > PIECE_BYTES:
            _count_parts(head, 0, len(head), descriptor, MAX_PARTS)
        return head, elements

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        for field in _fields(self._body, start, end):
            self._items += 1
            if self._items > _MAX_ITEMS:
                raise TooManyParts(f"it has more than {_MAX_ITEMS} resources, scopes and items")
            yield field


def _request(head: bytes, scope_head: bytes, items: list[bytes]) -> bytes:
    scope = b"".join((scope_head, *items))
    resource = b"".join((head, _LIST_TAG, _varint(len(scope)), scope))
    return b"".join((_REQUEST_TAG, _varint(len(resource)), resource))


def _count_parts(body: bytes, start: int, end: int, descriptor: Descriptor, limit: int) -> int:
    """Return the number of fields of a message and its nested messages. Raises TooManyParts, Unreadable."""
    waiting = [(start, end, descriptor)]
    parts = 0
    while waiting:
        start, end, descriptor = waiting.pop()
        types = _message_types(descriptor)
        for number, value_start, value_end, _ in _fields(body, start, end):
            parts += 1
            if parts > limit:
                raise TooManyParts(f"it has more than {limit} parts")
            inner = types.get(number)
            if inner is not None and value_end > value_start:
                waiting.append((value_start, value_end, inner))
    return parts


def _fields(body: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield field number, start and end of the value, and start of the field. Raises Unreadable."""
    at = start
    while at < end:
        field_start = at
        tag = body[at]
        at += 1
        if tag > 127:
            tag, at = _read_varint(body, field_start, end)
        wire_type = tag & 7
        if wire_type == _LENGTH:
            if at >= end:
                raise Unreadable("a field is truncated")
            length = body[at]
            at += 1
            if length > 127:
                length, at = _read_varint(body, at - 1, end)
            value_start, at = at, at + length
        elif wire_type == _VARINT:
            value_start = at
            _, at = _read_varint(body, at, end)
        elif wire_type == _FIXED64:
            value_start, at = at, at + 8
        elif wire_type == _FIXED32:
            value_start, at = at, at + 4
        else:
            raise Unreadable("it has a field of an unknown wire type")
        if at > end:
            raise Unreadable("a field is truncated")
        yield tag >> 3, value_start, at, field_start


def _read_varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise Unreadable("a varint is truncated or too long")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _message_type(descriptor: Descriptor, number: int) -> Descriptor:
    return _message_types(descriptor)[number]


_TYPES: dict[str, dict[int, Descriptor]] = {}


def _message_types(descriptor: Descriptor) -> dict[int, Descriptor]:
    """Return the types of a message's message fields by field number."""
    types = _TYPES.get(descriptor.full_name)
    if types is None:
        types = _TYPES[descriptor.full_name] = {
            field.number: cast(Descriptor, field.message_type)
            for field in cast("list[FieldDescriptor]", descriptor.fields)
            if field.type == FieldDescriptor.TYPE_MESSAGE
        }
    return types
