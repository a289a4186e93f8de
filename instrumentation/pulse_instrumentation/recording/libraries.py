"""The two client libraries: which request is which model call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, cast

from opentelemetry import trace
from opentelemetry.context import Context

from pulse_instrumentation.fields import field
from pulse_instrumentation.readers import (
    anthropic_messages,
    openai_chat,
    openai_decisions,
    openai_other,
    openai_responses,
)
from pulse_instrumentation.readers.operations import Operation
from pulse_instrumentation.recording.recorder import Library
from pulse_instrumentation.recording.replay import replayable

_OPENAI_PATHS = {
    "chat/completions": openai_chat.CHAT,
    "completions": openai_other.COMPLETION,
    "responses": openai_responses.RESPONSES,
    "responses/compact": openai_responses.RESPONSES,
    "decisions": openai_decisions.DECISION,
    "embeddings": openai_other.EMBEDDINGS,
    "images/generations": openai_other.IMAGE,
    "images/edits": openai_other.IMAGE,
    "images/variations": openai_other.IMAGE,
    "audio/speech": openai_other.SPEECH,
    "audio/transcriptions": openai_other.TRANSCRIPTION,
    "audio/translations": openai_other.TRANSLATION,
    "moderations": openai_other.MODERATION,
}
# Counting tokens is not here: it runs no model and is not billed.
_ANTHROPIC_PATHS = {
    "messages": anthropic_messages.MESSAGES,
    "complete": anthropic_messages.COMPLETION,
}


@lru_cache(maxsize=256)
def openai_operation(method: str, url: str, stream: bool) -> Operation | None:
    """The operation of a request of the openai client."""
    path = _path(url)
    if method.lower() == "post":
        return _OPENAI_PATHS.get(path)
    # A background response is picked up again, and its answer arrives, as a stream.
    resumed = stream and path.startswith("responses/") and path.count("/") == 1
    return openai_responses.RESPONSES if resumed else None


@lru_cache(maxsize=256)
def anthropic_operation(method: str, url: str, stream: bool) -> Operation | None:
    """The operation of a request of the anthropic client."""
    return _ANTHROPIC_PATHS.get(_path(url)) if method.lower() == "post" else None


def _path(url: str) -> str:
    """`/v1/messages?beta=true` and `messages` are one path."""
    return url.partition("?")[0].strip("/").removeprefix("v1/")


def as_given(client: object, options: object) -> object:
    """The openai client has read its arguments by now: the body holds lists only."""
    return options


def with_lists(client: object, options: object) -> object:
    """The anthropic client (1.0 on) reads one-shot iterators later, and must still find them full."""
    if not hasattr(client, "_copy_and_prepare"):
        return options
    body = field(options, "json_data")
    settled = replayable(body)
    return options if settled is body else _changed(options, {"json_data": settled})


def unchanged(client: object, options: object, context: Context) -> object:
    """The openai client sends what it was given."""
    return options


def without_native_span(client: object, options: object, context: Context) -> object:
    """The options without the name under which the anthropic client (2.0 on) opens its own span.

    That span would count the call a second time. The trace context that it would have sent is sent
    from ours, except by clients that sign their headers (Bedrock and its like): a header that
    somebody changes after it was signed makes the request invalid. A client whose own spans go to a
    tracer provider of their own keeps them.
    """
    if not field(options, "span_name"):
        return options
    # A property of the client, so `field` would take the long way to it.
    telemetry: object = getattr(client, "open_telemetry", None)
    if not isinstance(telemetry, (dict, Mapping)):
        return options
    chosen = cast("Mapping[str, object]", telemetry)
    provider = chosen.get("tracer_provider")
    if provider is not None and provider is not trace.get_tracer_provider():
        return options
    if field(chosen.get("traces"), "enabled") is not True:
        return options
    changes: dict[str, object] = {"span_name": None}
    if chosen.get("propagation") is True and not _signs_requests(type(client)):
        from opentelemetry import propagate

        headers: dict[str, str] = {}
        propagate.inject(headers, context)
        given = field(options, "headers")
        if isinstance(given, Mapping):
            headers = {**cast("Mapping[str, str]", given), **headers}
        changes["headers"] = headers
    return _changed(options, changes)


@lru_cache(maxsize=64)
def _signs_requests(client_class: type) -> bool:
    """Whether a client does something to its finished requests; the base class's method does not."""
    overriding = [base for base in client_class.__mro__ if "_prepare_request" in vars(base)]
    return len(overriding) > 1


class _Options(Protocol):
    """What is used of the client's request options."""

    def model_copy(self, *, update: Mapping[str, object]) -> object: ...


def _changed(options: object, changes: Mapping[str, object]) -> object:
    return cast("_Options", options).model_copy(update=changes)


OPENAI = Library("openai", openai_operation, as_given, unchanged)
ANTHROPIC = Library("anthropic", anthropic_operation, with_lists, without_native_span)
