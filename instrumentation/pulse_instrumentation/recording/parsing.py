"""Keeps sight of a response while the client parses it: that may raise, and the exception has no response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from pulse_instrumentation.fields import own_fields
from pulse_instrumentation.recording.calls import Call


class _Options(Protocol):
    def model_copy(self, *, update: Mapping[str, object]) -> object: ...


def watch_parsing(options: object, call: Call) -> object:
    """Return request options whose parser, if they have one, shows the call each response that it rejects.

    `parse()` of both clients has one, which fails on an answer that was cut off, and so have embeddings,
    where it fails on an answer without data.
    """
    parser = own_fields(options).get("post_parser")
    if not callable(parser):
        return options
    parse = cast("Callable[[object], object]", parser)

    def watched(response: object) -> object:
        call.rejected = response
        result = parse(response)
        call.rejected = None
        return result

    return cast("_Options", options).model_copy(update={"post_parser": watched})
