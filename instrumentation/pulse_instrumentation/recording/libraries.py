"""The two client libraries: the operation of each request, and how its options are prepared."""

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
# Without `messages/count_tokens`, which runs no model and is not billed.
_ANTHROPIC_PATHS = {
    "messages": anthropic_messages.MESSAGES,
    "complete": anthropic_messages.COMPLETION,
}


@lru_cache(maxsize=256)
def openai_operation(method: str, url: str, stream: bool) -> Operation | None:
    """Return the operation of a request of the openai client; None if it is no model call."""
    path = _path(url)
    if method.lower() == "post":
        return _OPENAI_PATHS.get(path)
    # `responses.retrieve(id, stream=True)` streams the answer of a background response.
    resumed = stream and path.startswith("responses/") and path.count("/") == 1
    return openai_responses.RESPONSES if resumed else None


@lru_cache(maxsize=256)
def anthropic_operation(method: str, url: str, stream: bool) -> Operation | None:
    """Return the operation of a request of the anthropic client; None if it is no model call."""
    return _ANTHROPIC_PATHS.get(_path(url)) if method.lower() == "post" else None


def _path(url: str) -> str:
    """Return the path without version, query and slashes: `messages` for `/v1/messages?beta=true`."""
    return url.partition("?")[0].strip("/").removeprefix("v1/")


def as_given(client: object, options: object) -> object:
    """Return the options unchanged: the openai client has already replaced iterators in the body by lists."""
    return options


def with_lists(client: object, options: object) -> object:
    """Replace iterators in the body by lists: the anthropic client since 1.0 reads them after this hook."""
    if not hasattr(client, "_copy_and_prepare"):
        return options
    body = field(options, "json_data")
    settled = replayable(body)
    return options if settled is body else _copy_options(options, {"json_data": settled})


def unchanged(client: object, options: object, context: Context) -> object:
    """Return the options unchanged: the openai client has no own span."""
    return options


def without_native_span(client: object, options: object, context: Context) -> object:
    """Return options without the name of the span that the anthropic client opens since 2.0.

    That span would count the call a second time. The trace context in its headers is replaced by that of
    Pulse's span; not for a client that signs its headers, such as Bedrock's, where a changed header would
    make the signature invalid. A client with a separate tracer provider for its spans keeps them.
    """
    if not field(options, "span_name"):
        return options
    # A property of the client, which `getattr` finds faster than `field`.
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
    return _copy_options(options, changes)


@lru_cache(maxsize=64)
def _signs_requests(client_class: type) -> bool:
    """Return whether a client class overrides `_prepare_request`, as those that sign requests do."""
    overriding = [base for base in client_class.__mro__ if "_prepare_request" in vars(base)]
    return len(overriding) > 1


class _Options(Protocol):
    """The part of the client's request options that is used."""

    def model_copy(self, *, update: Mapping[str, object]) -> object: ...


def _copy_options(options: object, changes: Mapping[str, object]) -> object:
    return cast("_Options", options).model_copy(update=changes)


OPENAI = Library("openai", openai_operation, as_given, unchanged)
ANTHROPIC = Library("anthropic", anthropic_operation, with_lists, without_native_span)
