"""Wrap functions in a span or a context: plain ones, coroutines, generators and asynchronous generators.

Each wrapper is a function of the same kind as the function that it wraps. The context of a generator is
current while the generator runs, and not in the code that iterates over it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial, wraps
from types import CoroutineType
from typing import Any, cast

from opentelemetry import context as otel_context

from pulse_instrumentation.failures import logger
from pulse_instrumentation.work.calls import Calls, Function
from pulse_instrumentation.work.spans import WorkSpan, context_only


def wrap(function: object, calls_of: Callable[[Function], Calls]) -> object:
    """Return a function of the same kind with a span around each call.

    Returns the object itself, and logs an error, if it is not a function.
    """
    if isinstance(function, (staticmethod, classmethod)):
        method = cast("staticmethod[..., Any]", function)
        return type(method)(cast("Function", wrap(method.__func__, calls_of)))
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
    target = cast("Function", function)
    return _wrapper(target)(target, calls_of(target))


def _wrapper(function: Function) -> Callable[[Function, Calls], Function]:
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.iscoroutinefunction(function):
        return _coroutine
    return _generator if inspect.isgeneratorfunction(function) else _plain


def _create(function: Function, args: Any, kwargs: Any, span: WorkSpan) -> Any:
    """Create the coroutine or generator; end the span if that raises because of wrong arguments."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        span.fail(error)
        raise


def _plain(function: Function, calls: Calls) -> Function:
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
        # Not by `isinstance`, which reads `__class__` and so may run code of the result's class.
        if type(result) is CoroutineType:
            # The function is a plain wrapper, by another decorator, of a coroutine function.
            return _await_call(cast("Awaitable[Any]", result), span, calls)
        calls.end(span, result)
        return result

    return call


def _coroutine(function: Function, calls: Calls) -> Function:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = calls.start(args, kwargs)
        if span is None:
            return await function(*args, **kwargs)
        return await _await_call(_create(function, args, kwargs, span), span, calls)

    return call


async def _await_call(work: Awaitable[Any], span: WorkSpan, calls: Calls) -> Any:
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


def _generator(function: Function, calls: Calls) -> Function:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span = calls.start(args, kwargs)
        if span is None:
            return (yield from cast("Generator[Any, Any, Any]", function(*args, **kwargs)))
        # Equivalent to `yield from inner`, with the span's context entered around each step.
        inner = cast("Generator[Any, Any, Any]", _create(function, args, kwargs, span))
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
                    span.abandon()
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
                # GeneratorExit too: `inner.close()` would hide the inner generator's response to it.
                step = partial(inner.throw, error)
            # Without this reference the item is freed as early as without Pulse.
            del item

    return call


def _first(inner: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the awaitable of a generator's first item; do not register the generator with the event loop.

    `loop.shutdown_asyncgens()` closes all registered generators concurrently, so it would close the inner
    generator while the registered outer one is closing it.
    """
    first_hook, last_hook = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, last_hook)
    try:
        return anext(inner)
    finally:
        sys.set_asyncgen_hooks(first_hook, last_hook)


def _async_generator(function: Function, calls: Calls) -> Function:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span = calls.start(args, kwargs)
        if span is None:
            # Python has no asynchronous `yield from`, so the loop below runs without a span.
            span = context_only(otel_context.get_current())
        inner = cast("AsyncGenerator[Any, Any]", _create(function, args, kwargs, span))
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
                    span.abandon()
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
            # Without this reference the item is freed as early as without Pulse.
            del item

    return call
