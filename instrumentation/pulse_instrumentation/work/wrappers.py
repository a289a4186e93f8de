"""Functions with a span around each call: plain ones, coroutines, generators and asynchronous generators.

Each wrapper is a function of the same kind as what it wraps. A generator's span is current while the
generator runs, and not in the code that reads from it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial, wraps
from types import CoroutineType
from typing import Any, cast

from opentelemetry import context as otel_context
from opentelemetry.trace import INVALID_SPAN

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture
from pulse_instrumentation.failures import logger, report_failure
from pulse_instrumentation.work.spans import Work, WorkSpan, start
from pulse_instrumentation.work.values import arguments_of, signature_of

Function = Callable[..., Any]
# What is beyond would be cut in the end.
_MAX_ITEMS = 1000
_MAX_CHARACTERS = 64 * 1024


def wrapped(function: object, work: Work) -> object:
    """Return a function with a span around each call; the object itself if it is not a function."""
    if isinstance(function, (staticmethod, classmethod)):
        method = cast("staticmethod[..., Any]", function)
        return type(method)(cast("Function", wrapped(method.__func__, work)))
    if not (
        inspect.isfunction(function)
        or inspect.ismethod(function)
        or inspect.isbuiltin(function)
        or isinstance(function, partial)
    ):
        logger.error(
            "A %s is not recorded: put the decorator directly on the function.", type(function).__name__
        )
        return function
    return _wrapper(cast("Function", function))(cast("Function", function), work)


def _wrapper(function: Function) -> Callable[[Function, Work], Function]:
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.iscoroutinefunction(function):
        return _coroutine
    return _generator if inspect.isgeneratorfunction(function) else _plain


class _Calls:
    """Starts and ends the spans of one function."""

    def __init__(self, function: Function, work: Work) -> None:
        self._work = work
        self._is_tool = work.operation == "execute_tool"
        self._signature = signature_of(function) if self._is_tool else None

    def start(self, args: tuple[object, ...], kwargs: dict[str, object]) -> WorkSpan | None:
        span = start(self._work)
        if span is not None and self._is_tool and span.captures:
            try:
                given = arguments_of(self._signature, args, kwargs)
                span.record(names.TOOL_CALL_ARGUMENTS, given)
            except Exception as error:
                report_failure("the arguments of a tool", error)
        return span

    def end(self, span: WorkSpan, result: object) -> None:
        if self._is_tool:
            span.record(names.TOOL_CALL_RESULT, result)
        span.end()

    def record_items(self, span: WorkSpan, items: _Items | None) -> None:
        """Record what a generator has given until it was closed."""
        if items is not None and items.kept:
            span.record(names.TOOL_CALL_RESULT, items.kept)

    def items(self, span: WorkSpan) -> _Items | None:
        """Return where to keep what a generator gives, if that is recorded."""
        return _Items() if self._is_tool and span.captures else None


class _Items:
    """What a generator has given: text and numbers, not the application's objects, and not without end."""

    def __init__(self) -> None:
        self.kept: list[object] = []
        self._left = _MAX_CHARACTERS

    def add(self, item: object) -> None:
        if len(self.kept) >= _MAX_ITEMS or self._left <= 0:
            return
        # Without running code of the item's class: a failure here would be the application's.
        if issubclass(type(item), str):
            self._left -= str.__len__(cast("str", item))
        elif not issubclass(type(item), (int, float, type(None))):
            item = f"<{type(item).__name__}>"
        self.kept.append(item)


def _made(function: Function, args: Any, kwargs: Any, span: WorkSpan) -> Any:
    """Call the function, which only makes a coroutine or generator, unless its arguments are wrong."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        span.fail(error)
        raise


def _plain(function: Function, work: Work) -> Function:
    calls = _Calls(function, work)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        span = calls.start(args, kwargs)
        if span is None:
            return function(*args, **kwargs)
        span.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            span.exit()
            span.fail(error)
            raise
        span.exit()
        # Not by `isinstance`, which asks the result for its `__class__`.
        if type(result) is CoroutineType:
            # A decorator in between made a plain function of a coroutine's.
            return _awaited(cast("Awaitable[Any]", result), span, calls)
        calls.end(span, result)
        return result

    return call


def _coroutine(function: Function, work: Work) -> Function:
    calls = _Calls(function, work)

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = calls.start(args, kwargs)
        if span is None:
            return await function(*args, **kwargs)
        return await _awaited(_made(function, args, kwargs, span), span, calls)

    return call


async def _awaited(work: Awaitable[Any], span: WorkSpan, calls: _Calls) -> Any:
    span.enter()
    try:
        result = await work
    except BaseException as error:
        span.exit()
        span.fail(error)
        raise
    span.exit()
    calls.end(span, result)
    return result


def _generator(function: Function, work: Work) -> Function:
    calls = _Calls(function, work)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span = calls.start(args, kwargs)
        if span is None:
            return (yield from cast("Generator[Any, Any, Any]", function(*args, **kwargs)))
        # Does what `yield from` does, with the span's context around each step.
        inner = cast("Generator[Any, Any, Any]", _made(function, args, kwargs, span))
        items = calls.items(span)
        step: Callable[[], Any] = partial(next, inner)
        closed = False
        while True:
            span.enter()
            try:
                item = step()
            except StopIteration as stop:
                span.exit()
                if closed:
                    span.leave()
                else:
                    calls.end(span, items.kept if items and items.kept else stop.value)
                return cast("object", stop.value)
            except BaseException as error:
                span.exit()
                span.fail(error)
                raise
            span.pause()
            if items is not None:
                items.add(item)
            try:
                step = partial(inner.send, (yield item))
            except BaseException as error:
                if isinstance(error, GeneratorExit):
                    closed = True
                    calls.record_items(span, items)
                # GeneratorExit as well: `inner.close()` would hide what the generator does with it.
                step = partial(inner.throw, error)
            # The application's alone from here on.
            del item

    return call


def _first(inner: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Start an asynchronous generator without registering it with the event loop.

    `loop.shutdown_asyncgens()` closes all registered generators concurrently, so it would close the inner
    generator while the outer one, which is registered, does.
    """
    first_hook, last_hook = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, last_hook)
    try:
        return anext(inner)
    finally:
        sys.set_asyncgen_hooks(first_hook, last_hook)


def _async_generator(function: Function, work: Work) -> Function:
    calls = _Calls(function, work)

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span = calls.start(args, kwargs)
        if span is None:
            # There is no `yield from` to leave the work to.
            span = WorkSpan(INVALID_SPAN, otel_context.get_current(), Capture())
        inner = cast("AsyncGenerator[Any, Any]", _made(function, args, kwargs, span))
        items = calls.items(span)
        step: Callable[[], Awaitable[Any]] = partial(_first, inner)
        closed = False
        while True:
            span.enter()
            try:
                item = await step()
            except StopAsyncIteration:
                span.exit()
                if closed:
                    span.leave()
                else:
                    calls.end(span, items.kept if items else None)
                return
            except BaseException as error:
                span.exit()
                span.fail(error)
                raise
            span.pause()
            if items is not None:
                items.add(item)
            try:
                step = partial(inner.asend, (yield item))
            except BaseException as error:
                if isinstance(error, GeneratorExit):
                    closed = True
                    calls.record_items(span, items)
                step = partial(inner.athrow, error)
            # The application's alone from here on.
            del item

    return call
