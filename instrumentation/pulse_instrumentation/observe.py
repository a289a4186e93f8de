"""`observe(client)`: record the calls of one client only."""

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
    """Record the calls of one client, and of the copies that are made of it afterwards.

    Only records: to send the spans, call `init()` in the same process or pass a TracerProvider.

    Args:
        client: A client of openai or anthropic, sync or async.
        provider: The provider to record, for a client whose URL does not show it, such as that of a proxy.
            `"auto"` detects it from the client's class and host.
        capture_content: As for `init()`: full by default.
        redact: As for `init()`.
        tracer_provider: Where spans go; by default to the global provider.
        meter_provider: Where metrics go; by default to the global provider.

    Returns:
        The same client. An object of another type is returned unchanged, with an error in the log.

    Never raises.
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
    active.set_observed(recorder)


def _follow_copies(owner: type) -> None:
    """Replace a class's `copy` so that copies of an observed client are observed too."""
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
