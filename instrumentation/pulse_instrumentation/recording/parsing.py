"""Observe how the client parses a response: it may reject the response, or return a stream over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import own_fields
from pulse_instrumentation.recording.call_owner import CallOwner
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.stream_cycle import break_cycle

Parser = Callable[[object], object]


class _Options(Protocol):
    def model_copy(self, *, update: Mapping[str, object]) -> object: ...


def watch_parsing(options: object, call: Call, *, stream: bool) -> object:
    """Return request options whose `post_parser` reports rejected responses to the call and prepares streams.

    The client calls `post_parser` with every value that it has parsed, also when the application calls
    `parse()` of a raw response. `parse()` of chat completions and `embeddings` already have a parser,
    which raises for an answer that was cut off or has no data.
    """
    given = own_fields(options).get("post_parser")
    parser = _report_rejections(cast("Parser", given), call) if callable(given) else None
    if stream:
        prepare = partial(_prepare_stream, CallOwner(call))
        parser = prepare if parser is None else _chain(prepare, parser)
    if parser is None:
        return options
    return cast("_Options", options).model_copy(update={"post_parser": parser})


def _report_rejections(parse: Parser, call: Call) -> Parser:
    """Return a parser that sets `call.rejected` to the response for which `parse` raises."""

    def parse_reporting(response: object) -> object:
        call.rejected = response
        result = parse(response)
        call.rejected = None
        return result

    return parse_reporting


def _prepare_stream(owner: CallOwner, stream: object) -> object:
    """Return a new stream, which ends the call within a second of being dropped."""
    try:
        owner.add_holder(break_cycle(stream))
    except Exception as error:
        report_failure("preparing a stream", error)
    return stream


def _chain(first: Parser, second: Parser) -> Parser:
    return lambda response: second(first(response))
