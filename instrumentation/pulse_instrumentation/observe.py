"""`observe(client)`: record one client and leave all others alone."""

from __future__ import annotations

from functools import wraps
from typing import Literal, TypeVar, cast

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from pulse_instrumentation.content import ContentMode, Redact
from pulse_instrumentation.failures import logger, report_failure
from pulse_instrumentation.instrumentors import hook_of, observed
from pulse_instrumentation.recording import active
from pulse_instrumentation.recording.hook import OWN_RECORDER, Request, base_class
from pulse_instrumentation.recording.libraries import ANTHROPIC, OPENAI
from pulse_instrumentation.recording.recorder import Library, Recorder
from pulse_instrumentation.settings import CallSettings, content_mode

Client = TypeVar("Client")
Provider = Literal["auto", "openai", "anthropic", "openrouter"]

# The methods that make a copy of a client with other options.
_COPIES = ("copy", "with_options")


def observe(
    client: Client,
    provider: Provider | str = "auto",
    *,
    capture_content: bool | ContentMode | None = None,
    redact: Redact | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> Client:
    """Record the calls of one client, and of the copies made of it from now on.

    Returns the same client. `provider` says who serves it when its URL does not (a proxy, say).
    Content is captured unless `capture_content` or the environment says otherwise. An object that
    is no client of openai or anthropic is returned as it is, with an error in the log.
    """
    try:
        library = _library(type(client))
        settings = CallSettings(
            content=content_mode(capture_content, default="full"),
            provider=None if provider == "auto" else provider,
            redact=redact,
        )
        _attach(client, Recorder(library, settings, tracer_provider, meter_provider))
    except LookupError as error:
        logger.error("observe() records nothing: %s", error)
    except Exception as error:
        report_failure("observe()", error)
    return client


def _library(client_class: type) -> Library:
    module = base_class(client_class).__module__.partition(".")[0]
    for library in (OPENAI, ANTHROPIC):
        if module == library.name:
            return library
    raise LookupError(f"{client_class.__name__} is no client of openai or anthropic; pass one of those")


def _attach(client: object, recorder: Recorder) -> None:
    hook_of(base_class(type(client)))
    for owner in type(client).__mro__:
        _follow_copies(owner)
    vars(client)[OWN_RECORDER] = recorder
    observed.add(client)
    active.observed(recorder)


def _follow_copies(owner: type) -> None:
    """Let copies of an observed client be observed; copies of others stay as they are."""
    original = vars(owner).get("copy")
    if original is None or hasattr(original, OWN_RECORDER):
        return
    method = cast("Request", original)

    @wraps(method)
    def copy(self: object, *args: object, **kwargs: object) -> object:
        duplicate = method(self, *args, **kwargs)
        try:
            _inherit(self, duplicate)
        except Exception as error:
            report_failure("observing the copy of a client", error)
        return duplicate

    setattr(copy, OWN_RECORDER, True)
    for name in _COPIES:
        if vars(owner).get(name) is original:
            setattr(owner, name, copy)


def _inherit(client: object, duplicate: object) -> None:
    recorder = vars(client).get(OWN_RECORDER)
    if recorder is not None:
        vars(duplicate)[OWN_RECORDER] = recorder
        observed.add(duplicate)
