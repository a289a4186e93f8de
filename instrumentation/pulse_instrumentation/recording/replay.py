"""Replace one-shot iterators in a request body, so that Pulse and the client can both read it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import cast

_SCALARS = (str, bytes, bytearray, int, float, type(None))


def replayable(value: object) -> object:
    """Return the value with every iterator in it replaced by a list of its items.

    Returns the value itself if it contains none; never changes the caller's containers. An iterator that
    raises is replaced by one that yields the same items and raises the same exception to the client.
    """
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        copied = {key: replayable(item) for key, item in mapping.items()}
        same = all(copied[key] is item for key, item in mapping.items())
        return mapping if same else copied
    if isinstance(value, (list, tuple)):
        sequence = cast("list[object]", value)
        items = [replayable(item) for item in sequence]
        same = all(new is old for new, old in zip(items, sequence, strict=True))
        return sequence if same else items
    # A file is an iterator too, but only the client reads it.
    if isinstance(value, Iterator) and not hasattr(cast("object", value), "read"):
        return _read(cast("Iterator[object]", value))
    return cast("object", value)


def _read(iterator: Iterator[object]) -> object:
    items: list[object] = []
    try:
        for item in iterator:
            items.append(replayable(item))
    except Exception as error:
        return _replay(items, error)
    return items


def _replay(items: list[object], error: Exception) -> Generator[object, None, None]:
    yield from items
    raise error
