"""Context managers that also decorate functions, coroutines, generators and asynchronous generators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from pulse_instrumentation import attributes as names
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.work.calls import Calls, Items, RecordedCalls
from pulse_instrumentation.work.spans import Work, WorkSpan, context_only, start
from pulse_instrumentation.work.wrappers import wrap

Function = TypeVar("Function", bound=Callable[..., Any])


class Scope(ABC):
    """A context around a block (`with`, `async with`) or around each call of a decorated function.

    Can be entered several times, also by several tasks at the same time.
    """

    def __init__(self) -> None:
        self._entered: list[WorkSpan | None] = []

    @abstractmethod
    def _start(self) -> WorkSpan | None:
        """Return what a block enters; None to run the block without it."""

    @abstractmethod
    def _calls(self, function: Callable[..., Any]) -> Calls:
        """Return what starts and ends each call of the function."""

    def __call__(self, function: Function) -> Function:
        """Return a function of the same kind that enters this scope around each call."""
        try:
            return cast("Function", wrap(function, self._calls))
        except Exception as error:
            report_failure("decorating a function", error)
            return function

    def __enter__(self) -> Self:
        span = self._start()
        if span is not None:
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
        """Remove and return the span of the block that ends: the current context's, else the last one."""
        current = otel_context.get_current()
        for position in range(len(self._entered) - 1, -1, -1):
            span = self._entered[position]
            if span is not None and span.context is current:
                return self._entered.pop(position)
        return self._entered.pop() if self._entered else None


class WorkScope(Scope):
    """A span around a block or around each call: the result of `trace()` and `tool()`."""

    def __init__(self, work: Work, arguments: object = None) -> None:
        super().__init__()
        self._work = work
        self._arguments = arguments

    def record_result(self, value: object) -> None:
        """Record the result of a tool, if content is recorded. For `with pulse.tool(...) as tool`."""
        span = self._entered[-1] if self._entered else None
        if span is not None:
            span.record(names.TOOL_CALL_RESULT, value)

    def _start(self) -> WorkSpan | None:
        span = start(self._work)
        if span is not None and self._arguments is not None:
            span.record(names.TOOL_CALL_ARGUMENTS, self._arguments)
        return span

    def _calls(self, function: Callable[..., Any]) -> Calls:
        work = self._work
        return RecordedCalls(function, work if work.name else replace(work, name=_name_of(function)))


class ContextScope(Scope):
    """A changed OpenTelemetry context in a block or each call, without a span: see `session()`."""

    def __init__(self, change: Callable[[Context], Context], name: str) -> None:
        super().__init__()
        self._change = change
        self._name = name
        """The name of the function that made this scope, for the log."""

    def changed_context(self) -> WorkSpan:
        """Return what enters the changed current context; the current one if the change raises."""
        context = otel_context.get_current()
        try:
            context = self._change(context)
        except Exception as error:
            report_failure(self._name, error)
        return context_only(context)

    def _start(self) -> WorkSpan:
        return self.changed_context()

    def _calls(self, function: Callable[..., Any]) -> Calls:
        return _UnrecordedCalls(self)


class _UnrecordedCalls:
    """Gives each call of a function the context of a scope, and records nothing."""

    def __init__(self, scope: ContextScope) -> None:
        self._scope = scope

    def start(self, args: tuple[object, ...], kwargs: dict[str, object]) -> WorkSpan:
        return self._scope.changed_context()

    def end(self, span: WorkSpan, result: object) -> None:
        span.end()

    def items(self, span: WorkSpan) -> None:
        return None

    def record_items(self, span: WorkSpan, items: Items | None) -> None:
        return None


def _name_of(function: object) -> str:
    """Return the name of a function, also of one behind `functools.partial`; else the name of its type."""
    name: object = getattr(function, "__name__", None) or getattr(
        getattr(function, "func", None), "__name__", None
    )
    return name if isinstance(name, str) else type(function).__name__
