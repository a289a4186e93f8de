"""Break the reference cycle between a client's stream and its iterator, so that a dropped stream is freed.

The openai client's iterator is a generator of a method of the stream, so each refers to the other. Only the
cyclic garbage collector frees the two, and an idle process may not run it for minutes. Until then the
connection stays open and the span does not end.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import cast

# The attribute in which the streams of both clients have their iterator, since their first versions.
ITERATOR = "_iterator"
_LIBRARIES = frozenset({"openai", "anthropic"})


def break_cycle(stream: object) -> None:
    """Make a new stream iterate over a copy of itself, as the anthropic client does.

    Must be called before the first chunk is read. Does nothing for a stream without a cycle, and for a
    class of the application, whose iterator may change the stream.
    """
    if type(stream).__module__.partition(".")[0] not in _LIBRARIES or ITERATOR not in vars(stream):
        return
    twin = copy(stream)
    del vars(twin)[ITERATOR]
    make_iterator = cast("Callable[[], object]", getattr(twin, "__stream__"))  # noqa: B009
    vars(stream)[ITERATOR] = make_iterator()
