"""Decodes a request in pieces, up to a number of items (spans, log records), in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from pulse_proto import otlp_json
from pulse_proto.otlp import Encoding, Signal, decode_request
from pulse_proto.pieces import pieces

RequestT = TypeVar("RequestT", bound=Message)


class Decoded(NamedTuple, Generic[RequestT]):
    """A part of a request."""

    #: A request by itself; None in place of an item that is refused.
    request: RequestT | None
    #: Items that are left out since the limit is reached.
    over_limit: int = 0
    refused: str | None = None


def decode_bounded(
    signal: Signal[RequestT], body: bytes, encoding: Encoding, max_items: int
) -> Iterator[Decoded[RequestT]]:
    """Decode a request, one part after the other. Raises Unreadable, and TooManyParts."""
    if encoding is Encoding.JSON:
        yield _decode_json(signal, body, max_items)
        return
    left = max_items
    for piece in pieces(signal.request, body):
        if piece.refused is not None:
            yield Decoded(None, refused=piece.refused)
            continue
        request = decode_request(signal, piece.body, encoding)
        kept, over_limit = _keep(signal, request, left)
        left -= kept
        yield Decoded(request, over_limit)


def _keep(signal: Signal[RequestT], request: RequestT, limit: int) -> tuple[int, int]:
    """Delete the items after the first `limit` ones. Return how many are kept and how many were deleted."""
    resources, scopes, items = signal.path
    kept = over_limit = 0
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            found = getattr(scope, items)
            count = len(found)
            if kept + count > limit:
                over_limit += kept + count - limit
                del found[limit - kept :]
                count = limit - kept
            kept += count
    return kept, over_limit


def _decode_json(signal: Signal[RequestT], body: bytes, limit: int) -> Decoded[RequestT]:
    """The same of a document: what is not decoded takes a tenth of the memory."""
    over_limit = 0

    def select(document: dict[str, Any]) -> None:
        nonlocal over_limit
        resources, scopes, items = (_spellings(name) for name in signal.path)
        left = limit
        for scope in _elements(_elements([document], resources), scopes):
            for name in items:
                found = scope.get(name)
                if isinstance(found, list):
                    listed = cast("list[object]", found)
                    over_limit += max(0, len(listed) - left)
                    del listed[left:]
                    left -= len(listed)

    request = otlp_json.decode(signal.request, body, select)
    return Decoded(request, over_limit)


def _elements(documents: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The objects in lists of these names. What is no list or object is left to the decoder to refuse."""
    found: list[dict[str, Any]] = []
    for document in documents:
        for name in names:
            listed = document.get(name)
            if isinstance(listed, list):
                objects = cast("list[object]", listed)
                found += [cast("dict[str, Any]", one) for one in objects if isinstance(one, dict)]
    return found


def _spellings(name: str) -> tuple[str, ...]:
    head, *rest = name.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    return (name, camel) if rest else (name,)
