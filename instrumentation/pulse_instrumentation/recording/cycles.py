"""Free a dropped stream at once: the client's generator refers to its stream, and the stream to it.

Such a pair waits for the garbage collector, and with it the connection and the end of the span, which an idle
process may never run. The generator is created again for a twin of the stream, which nothing refers to.
"""

from __future__ import annotations

import gc
from functools import lru_cache
from opcode import opmap
from types import FunctionType

_STREAM, _EVENTS = "__stream__", "_iter_events"
_LIBRARIES = frozenset({"openai", "anthropic"})


def without_cycle(stream: object, iterator: object, held_by: str) -> object:
    """Return an iterator over the same that does not refer to the stream; the iterator itself if need be.

    `held_by` is the attribute in which the stream has its iterator, which must not have been started.
    """
    make = _maker(type(stream))
    if make is None or _code(iterator) is not make.__code__:
        return iterator
    if not any(referent is stream for referent in gc.get_referents(iterator)):
        return iterator
    twin = object.__new__(type(stream))
    vars(twin).update(vars(stream))
    vars(twin).pop(held_by)
    return make(twin)


def _code(iterator: object) -> object:
    """Return the code of a generator, synchronous or not; None for anything else."""
    return getattr(iterator, "gi_code", None) or getattr(iterator, "ag_code", None)


@lru_cache(maxsize=32)
def _maker(stream_class: type) -> FunctionType | None:
    """Return the generator function of a library's own stream class, if it only reads from its stream."""
    if stream_class.__module__.partition(".")[0] not in _LIBRARIES:
        return None
    make, events = vars(stream_class).get(_STREAM), vars(stream_class).get(_EVENTS)
    if not isinstance(make, FunctionType) or not isinstance(events, FunctionType):
        return None
    # What it wrote to its twin, the application would miss on the stream.
    writes = any(opmap["STORE_ATTR"] in function.__code__.co_code[::2] for function in (make, events))
    return None if writes else make
