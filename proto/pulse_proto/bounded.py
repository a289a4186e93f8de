"""Decode an OTLP request in pieces, in bounded memory and up to a number of items (spans, log records)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from pulse_proto import otlp_json
from pulse_proto.otlp import Encoding, Signal, decode_request
from pulse_proto.pieces import pieces

RequestT = TypeVar("RequestT", bound=Message)


class Decoded(NamedTuple, Generic[RequestT]):
    """A decoded piece of a request, or one item that is refused."""

    #: A complete request with the items of this piece; None for a refused item.
    request: RequestT | None
    #: Number of items of this piece that were left out because the limit was reached.
    over_limit: int = 0
    #: Why the item is refused.
    refused: str | None = None


def decode_bounded(
    signal: Signal[RequestT], body: bytes, encoding: Encoding, max_items: int
) -> Iterator[Decoded[RequestT]]:
    """Decode a request piece by piece; keep the first `max_items` items and count the others.

    Raises Unreadable if the body is malformed, TooManyParts if it would need too much memory.
    """
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
    """Delete the items after the first `limit` ones; return the numbers of kept and of deleted items."""
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
    """Decode OTLP/JSON; items over the limit are removed before decoding, which saves most of the memory."""
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
    """Return the objects in the lists under the given names; other values are ignored here.

    The decoder refuses values that are not lists or objects.
    """
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
