"""Replace the `request` method of the clients' base classes, the only method that is replaced.

Every model call calls it exactly once, with the request body as it will be sent, outside the client's
retries. A client that was passed to `observe()` has its own recorder; for other clients the recorder of the
class is used, if there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial, wraps
from typing import Literal, Protocol, cast

from opentelemetry.context import attach, detach

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.raw_responses import record_response
from pulse_instrumentation.recording.recorder import Recorder
from pulse_instrumentation.recording.streams import record_stream

OWN_RECORDER = "_pulse_recorder"
_METHOD = "request"
# The names of the base classes of the clients in both libraries.
BASE_CLASSES = ("SyncAPIClient", "AsyncAPIClient")
_MOST_WRAPPERS = 32

Request = Callable[..., object]


class Hook:
    """The replaced `request` of one base class."""

    def __init__(self, owner: type) -> None:
        self.owner = owner
        self.recorder: Recorder | None = None
        """Records every client of the class that has no own recorder."""
        self._removed = False
        self._original = cast("Request", vars(owner)[_METHOD])
        if inspect.iscoroutinefunction(self._original):
            self._replacement = _async_request(self._original, self)
        else:
            self._replacement = _request(self._original, self)
        setattr(owner, _METHOD, self._replacement)

    @property
    def installed(self) -> bool:
        """Whether the class's method is still the replacement, or a wrapper of it."""
        method: object = vars(self.owner).get(_METHOD)
        for _ in range(_MOST_WRAPPERS):
            if method is None or method is self._replacement:
                break
            method = getattr(method, "__wrapped__", None)
        return method is self._replacement

    def remove(self) -> None:
        """Restore the original method. If another library has wrapped the replacement, only disable it."""
        self.recorder = None
        self._removed = True
        if vars(self.owner).get(_METHOD) is self._replacement:
            setattr(self.owner, _METHOD, self._original)

    def recorder_of(self, client: object) -> Recorder | None:
        """Return the recorder of a client: its own, else that of the class; None if it is not recorded."""
        if self._removed:
            return None
        own = vars(client).get(OWN_RECORDER)
        return own if isinstance(own, Recorder) else self.recorder


def base_class(client_class: type) -> type:
    """Return the base class of a client in which its library defines `request`.

    A subclass of an application or another library may override `request` and call this one.

    Raises:
        LookupError: The class is not derived from a client of openai or anthropic.
    """
    for base in client_class.__mro__:
        if base.__name__ in BASE_CLASSES and _METHOD in vars(base):
            return base
    raise LookupError(f"{client_class.__name__} is no client of openai or anthropic; pass one of those")


def _request(original: Request, hook: Hook) -> Request:
    bind = _binding(original)

    @wraps(original)
    def request(self: object, *args: object, **kwargs: object) -> object:
        call, args, kwargs = _start(hook, self, args, kwargs)
        if call is None:
            return bind(self, type(self))(*args, **kwargs)
        token = attach(call.context)
        try:
            result = bind(self, type(self))(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            detach(token)
        _finish(call, result)
        return result

    return request


def _binding(method: Request) -> Callable[[object, type], Request]:
    """Return `__get__` of the method, which binds it to a client. Wrappers of other libraries need that."""
    return cast("_Descriptor", method).__get__


class _Descriptor(Protocol):
    def __get__(self, instance: object, owner: type) -> Request: ...


def _async_request(original: Request, hook: Hook) -> Request:
    bind = _binding(original)

    @wraps(original)
    async def request(self: object, *args: object, **kwargs: object) -> object:
        call, args, kwargs = _start(hook, self, args, kwargs)
        if call is None:
            return await cast("Awaitable[object]", bind(self, type(self))(*args, **kwargs))
        token = attach(call.context)
        try:
            result = await cast("Awaitable[object]", bind(self, type(self))(*args, **kwargs))
        except GeneratorExit:
            # The coroutine is closed in another context, where the token of `attach` is invalid.
            call.abandon()
            raise
        except BaseException as error:
            call.fail(error)
            detach(token)
            raise
        detach(token)
        _finish(call, result)
        return result

    return request


def _start(
    hook: Hook, client: object, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[Call | None, tuple[object, ...], dict[str, object]]:
    """Start to record a call. Return it, or None, with the arguments for the original method."""
    try:
        recorder = hook.recorder_of(client)
        if recorder is None:
            return None, args, kwargs
        # request(cast_to, options, ...) since the first versions.
        options = args[1] if len(args) > 1 else kwargs.get("options")
        started = recorder.start(client, options, stream=kwargs.get("stream") is True)
    except Exception as error:
        report_failure("starting to record a call", error)
        return None, args, kwargs
    if started is None:
        return None, args, kwargs
    call, prepared = started
    if prepared is not options:
        if len(args) > 1:
            args = (args[0], prepared, *args[2:])
        else:
            kwargs = {**kwargs, "options": prepared}
    return call, args, kwargs


def _finish(call: Call, result: object) -> None:
    """Record the result now, or while the application reads it if it is a stream or unread response."""
    try:
        kind = _kind(type(result))
        if kind == "value" or not call.recording:
            call.succeed(result)
        elif kind == "stream":
            record_stream(result, call)
        elif kind == "response" and (response := _http_response(result)) is not None:
            record_response(response, call)
        else:
            call.succeed(result)
    except Exception as error:
        report_failure("recording a result", error)
        call.succeed(None)


@lru_cache(maxsize=512)
def _kind(result_class: type) -> Literal["value", "stream", "response"]:
    """Return the kind of the results of a class. A raw response is neither a model nor a stream."""
    has = partial(hasattr, result_class)
    if issubclass(result_class, (str, bytes, Mapping)) or has("model_fields"):
        return "value"
    return "stream" if has("__stream__") else "response"


def _http_response(result: object) -> object | None:
    """Return the HTTP response in a raw or binary response, or the result if it is one; else None."""
    fields = getattr(result, "__dict__", {})
    if "http_response" in fields:
        return fields["http_response"]
    if hasattr(type(result), "iter_bytes"):
        return fields.get("response") or (result if hasattr(result, "is_closed") else None)
    return None
