"""End the call of an unread response of `httpx`, which is not freed when the application drops its stream.

A response of `httpx` is part of a reference cycle, so only the cyclic garbage collector frees it, and with it
the call. (A response of `httpx2` is freed with its stream.) Therefore the raw response and the iterator of
the stream share a `CallOwner`, which is freed with the last of the two.
"""

from __future__ import annotations

import sys
import weakref
from functools import partial

from pulse_instrumentation.recording.abandoned import end_after
from pulse_instrumentation.recording.calls import Call

# Time for an application that kept only `stream.response` to begin reading it.
_DELAY_S = 0.5


class CallOwner:
    """Ends an unread call half a second after the last object that refers to this owner was freed."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = weakref.ref(call)

    def add_holder(self, holder: object) -> None:
        """Keep this owner at least until the holder is freed, without an attribute of the holder."""
        # Not a `WeakKeyDictionary`: the holder may be a stream of the application that is not hashable.
        weakref.finalize(holder, _release, self).atexit = False

    def __del__(self) -> None:
        call = self._call()
        if call is not None and call.is_unread and not sys.is_finalizing():
            # With a weak reference: if the response is freed too, its call must end at once.
            end_after(_DELAY_S, partial(_end_unread, self._call))


def _release(_owner: CallOwner) -> None:
    """Do nothing: `weakref.finalize` drops its reference to the owner after this call."""


def _end_unread(reference: weakref.ref[Call]) -> None:
    """End the call, unless it has ended or the application has begun to read the response."""
    call = reference()
    if call is not None and call.is_unread:
        call.abandon()
