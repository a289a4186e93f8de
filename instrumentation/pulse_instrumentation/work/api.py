"""`trace(name)` and `tool(name)`: a span around a block or a function, above the model calls made in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry.trace import TracerProvider

from pulse_instrumentation import attributes as names
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.work.spans import Work, WorkSpan, start
from pulse_instrumentation.work.wrappers import wrapped

Function = TypeVar("Function", bound=Callable[..., Any])


class WorkScope:
    """A context manager and decorator, also for asynchronous code. Opens a span of its own each time."""

    def __init__(self, work: Work, arguments: object = None) -> None:
        self._work = work
        self._arguments = arguments
        self._entered: list[WorkSpan | None] = []

    def record_result(self, value: object) -> None:
        """Record what a tool returned, if content is recorded. For `with pulse.tool(...) as tool`."""
        span = self._entered[-1] if self._entered else None
        if span is not None:
            span.record(names.TOOL_CALL_RESULT, value)

    def __call__(self, function: Function) -> Function:
        """Return the function with a span around each call."""
        try:
            work = self._work
            if not work.name:
                work = replace(work, name=_name_of(function))
            return cast("Function", wrapped(function, work))
        except Exception as error:
            report_failure("decorating a function", error)
            return function

    def __enter__(self) -> Self:
        span = start(self._work)
        if span is not None:
            if self._arguments is not None:
                span.record(names.TOOL_CALL_ARGUMENTS, self._arguments)
            span.enter()
        self._entered.append(span)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        span = self._leave()
        if span is None:
            return
        span.exit()
        if error is None:
            span.end()
        else:
            span.fail(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _leave(self) -> WorkSpan | None:
        """Return the span of the block that ends: the last one, unless several tasks share this object."""
        current = otel_context.get_current()
        for position in range(len(self._entered) - 1, -1, -1):
            span = self._entered[position]
            if span is not None and span.context is current:
                return self._entered.pop(position)
        return self._entered.pop() if self._entered else None


@overload
def trace(name: Function) -> Function: ...


@overload
def trace(name: str | None = None, *, tracer_provider: TracerProvider | None = None) -> WorkScope: ...


def trace(name: object = None, *, tracer_provider: TracerProvider | None = None) -> object:
    """Open a span that is the parent of everything recorded in the block, or in each call of the function.

    `with pulse.trace("answer question"):`, `async with`, or a decorator (`@pulse.trace("answer question")`,
    `@pulse.trace`) on functions, coroutines, generators and asynchronous generators. An exception sets the
    span's status and goes on. Spans go where the process's model calls go: to the tracer provider given
    here, else that of `init()`, an instrumentor or `observe()`, else the global one.
    """
    return _scope("invoke_workflow", name, None, None, tracer_provider)


@overload
def tool(name: Function) -> Function: ...


@overload
def tool(
    name: str | None = None,
    *,
    arguments: object = None,
    call_id: str | None = None,
    tracer_provider: TracerProvider | None = None,
) -> WorkScope: ...


def tool(
    name: object = None,
    *,
    arguments: object = None,
    call_id: str | None = None,
    tracer_provider: TracerProvider | None = None,
) -> object:
    """Open a span for the execution of a tool, like `trace()`.

    Where content is recorded, a decorated function's arguments and result are recorded too; of a `with`
    block those that are given, by `arguments` and `record_result()`. `call_id` is the model's id of the
    tool call.
    """
    return _scope("execute_tool", name, arguments, call_id, tracer_provider)


def _scope(
    operation: str, name: object, arguments: object, call_id: object, provider: TracerProvider | None
) -> object:
    if isinstance(name, (staticmethod, classmethod)) or (callable(name) and not isinstance(name, str)):
        return WorkScope(Work(operation, "", None, provider))(cast("Callable[..., Any]", name))
    try:
        work = Work(
            operation, "" if name is None else str(name), None if call_id is None else str(call_id), provider
        )
    except Exception as error:
        report_failure("naming a trace", error)
        work = Work(operation, "unnamed", None, provider)
    return WorkScope(work, arguments)


def _name_of(function: object) -> str:
    name: object = getattr(function, "__name__", None) or getattr(
        getattr(function, "func", None), "__name__", None
    )
    return name if isinstance(name, str) else type(function).__name__
