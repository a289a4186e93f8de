"""The one place where Pulse enters the clients: the `request` method of their base classes.

Every model call of every kind passes through it exactly once, with the body as it will be sent and
outside the client's retries. The method is replaced on the class; a client can carry a recorder of
its own (`observe`), else the class's recorder applies, if there is one.
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
# What both libraries call the classes from which their clients derive.
BASE_CLASSES = ("SyncAPIClient", "AsyncAPIClient")
_MOST_WRAPPERS = 32

Request = Callable[..., object]


class Hook:
    """The replaced `request` of one base class."""

    def __init__(self, owner: type) -> None:
        self.owner = owner
        self.recorder: Recorder | None = None
        """Records every client of the class that has no recorder of its own."""
        self._removed = False
        self._original = cast("Request", vars(owner)[_METHOD])
        if inspect.iscoroutinefunction(self._original):
            self._replacement = _async_request(self._original, self)
        else:
            self._replacement = _request(self._original, self)
        setattr(owner, _METHOD, self._replacement)

    @property
    def installed(self) -> bool:
        """Whether calls still pass here: nobody has put another method in place of ours."""
        method: object = vars(self.owner).get(_METHOD)
        for _ in range(_MOST_WRAPPERS):
            if method is None or method is self._replacement:
                break
            method = getattr(method, "__wrapped__", None)
        return method is self._replacement

    def remove(self) -> None:
        """Put the original back. When somebody wrapped ours since, it stays, and does nothing."""
        self.recorder = None
        self._removed = True
        if vars(self.owner).get(_METHOD) is self._replacement:
            setattr(self.owner, _METHOD, self._original)

    def recorder_of(self, client: object) -> Recorder | None:
        """Who records this client's calls."""
        if self._removed:
            return None
        own = vars(client).get(OWN_RECORDER)
        return own if isinstance(own, Recorder) else self.recorder


def base_class(client_class: type) -> type:
    """The class of a client's bases in which its library defines `request`.

    Classes derived from it may have a `request` of their own, an application's or another library's,
    which calls it.

    Raises:
        LookupError: there is none, so the class is no client that Pulse knows.
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
    """What binds a method to a client. Wrappers of other libraries learn their client only by being bound."""
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
            # The task is being torn down from a foreign context, where our token means nothing.
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
    """The call to record, if any, with the arguments to go on with."""
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
    """Record the result, or arrange for it to be recorded while the application reads it."""
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
    """What the results of a class are. A raw response says so by its field, or can be read as bytes."""
    has = partial(hasattr, result_class)
    if issubclass(result_class, (str, bytes, Mapping)) or has("model_fields"):
        return "value"
    return "stream" if has("__stream__") else "response"


def _http_response(result: object) -> object | None:
    """The HTTP response inside a raw response or a binary one, or the result if it is one itself."""
    fields = getattr(result, "__dict__", {})
    if "http_response" in fields:
        return fields["http_response"]
    if hasattr(type(result), "iter_bytes"):
        return fields.get("response") or (result if hasattr(result, "is_closed") else None)
    return None
