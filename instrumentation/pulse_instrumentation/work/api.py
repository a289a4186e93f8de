"""`trace(name)` and `tool(name)`: a span around a block or function, the parent of the model calls in it."""

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
    """Open a span around a block or each call of a function: the parent of all spans recorded in it.

    `with pulse.trace("answer question"):`, `async with`, or a decorator (`@pulse.trace("answer question")`,
    `@pulse.trace`) on functions, coroutines, generators and asynchronous generators. An exception sets the
    span's status and is raised unchanged. The span of a generator ends when that is exhausted, closed or
    dropped.

    Args:
        name: The name of the span; of a decorated function its own name by default.
        tracer_provider: Where the span goes; by default to the provider of `init()`, else of an
            instrumentor, else of the last observed client, else to the global provider.

    Returns:
        A context manager and decorator, or the decorated function for `@pulse.trace` without arguments.

    Never raises.
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
    """Open a span for the execution of a tool, around a block or each call of a function.

    Used like `trace()`. If content is recorded, the arguments and the result of a decorated function are
    recorded too. For a `with` block, pass `arguments` and call `record_result()` of the block's object.

    Args:
        name: The name of the tool; of a decorated function its own name by default.
        arguments: The arguments of the tool, as a JSON value or text, for a block.
        call_id: The model's id of the tool call.
        tracer_provider: As for `trace()`.

    Returns:
        A context manager and decorator, or the decorated function for `@pulse.tool` without arguments.

    Never raises.
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
