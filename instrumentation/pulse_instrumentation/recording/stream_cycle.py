"""Break the reference cycle between a client's stream and its iterator, so that a dropped stream is freed.

The openai client's iterator is a generator of a method of the stream, so each refers to the other. Only the
cyclic garbage collector frees the two, and an idle process may not run it for minutes. Until then the
connection stays open and the span does not end.

A generator of a copy of the stream replaces the client's generator. An iterator of another library, or of a
method that another library has patched, is not replaced: its span ends when the collector frees the stream.
A stream that `parse()` of a raw response returned is copied when it is created. Attributes that the
application sets on it later, like `stream.response`, do not affect its chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from types import AsyncGeneratorType, FunctionType, GeneratorType
from typing import cast

# The attribute in which the streams of both clients have their iterator, since their first versions.
ITERATOR = "_iterator"
_LIBRARIES = frozenset({"openai", "anthropic"})


def break_cycle(stream: object) -> object:
    """Make a new stream iterate over a copy of itself, as the anthropic client does.

    Return the new generator, which is freed with the stream and its copies; the stream if it is unchanged.
    """
    generator = copied_generator(stream, vars(stream).get(ITERATOR))
    if generator is None:
        return stream
    vars(stream)[ITERATOR] = generator
    return generator


def copied_generator(stream: object, iterator: object) -> Iterable[object] | None:
    """Return a generator like the iterator, but of a copy of the stream as it is now.

    Return None unless the iterator is a generator that the client made and that has not been started, and
    for a class of the application, whose generator may change the stream.
    """
    make = _client_method(type(stream))
    if make is None or not _is_new(iterator, make):
        return None
    twin = copy(stream)
    vars(twin).pop(ITERATOR, None)
    return cast("Callable[[object], Iterable[object]]", make)(twin)


def _client_method(stream_class: type) -> FunctionType | None:
    """Return `__stream__` of a client's class; None if another library has replaced the method."""
    method = getattr(stream_class, "__stream__", None)
    if isinstance(method, FunctionType) and _is_client(stream_class.__module__):
        # `__module__` of the method is not reliable: `functools.wraps` copies it to the replacement.
        return method if _is_client(str(method.__globals__.get("__name__"))) else None
    return None


def _is_client(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES


def _is_new(iterator: object, method: FunctionType) -> bool:
    """Return whether the iterator is a generator of this method that has not been started."""
    if isinstance(iterator, GeneratorType):
        code, frame = iterator.gi_code, iterator.gi_frame
    elif isinstance(iterator, AsyncGeneratorType):
        code, frame = iterator.ag_code, iterator.ag_frame
    else:
        return False
    # Before its start a generator is at the line of its `def`. `inspect.getasyncgenstate` needs Python 3.12.
    return code is method.__code__ and frame is not None and frame.f_lineno == code.co_firstlineno
