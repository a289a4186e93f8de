"""`trace(name)` and `tool(name)`: a span around a block or a function, above the model calls made in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from opentelemetry.trace import TracerProvider

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.work.scopes import WorkScope
from pulse_instrumentation.work.spans import Work

Function = TypeVar("Function", bound=Callable[..., Any])


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
