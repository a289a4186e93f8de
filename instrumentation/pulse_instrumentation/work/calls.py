"""What happens around each call of a decorated function: a span is started and ended, content is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from pulse_instrumentation import attributes as names
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.work.spans import Work, WorkSpan, start
from pulse_instrumentation.work.values import arguments_of, signature_of

Function = Callable[..., Any]
# The rest would exceed the limit of a content attribute.
_MAX_ITEMS = 1000
_MAX_CHARACTERS = 64 * 1024


class Calls(Protocol):
    """Opens and ends what surrounds each call of one function."""

    def start(self, args: tuple[object, ...], kwargs: dict[str, object]) -> WorkSpan | None:
        """Start a span, without entering its context; None to call the function without one."""
        ...

    def end(self, span: WorkSpan, result: object) -> None:
        """End the span of a call that has returned."""
        ...

    def items(self, span: WorkSpan) -> Items | None:
        """Return the collector of the items that a generator yields; None if they are not recorded."""
        ...

    def record_items(self, span: WorkSpan, items: Items | None) -> None:
        """Record the items of a generator that is being closed."""
        ...


class Items:
    """The first items that a generator has yielded: texts, numbers, and the type names of other objects."""

    def __init__(self) -> None:
        self.kept: list[object] = []
        self._left = _MAX_CHARACTERS

    def add(self, item: object) -> None:
        """Keep the item, unless the limit of items or characters has been reached."""
        if len(self.kept) >= _MAX_ITEMS or self._left <= 0:
            return
        # Runs no code of the item's class, as an exception here would reach the application.
        if issubclass(type(item), str):
            self._left -= str.__len__(cast("str", item))
        elif not issubclass(type(item), (int, float, type(None))):
            item = f"<{type(item).__name__}>"
        self.kept.append(item)


class RecordedCalls:
    """Records each call of one function as a span."""

    def __init__(self, function: Function, work: Work) -> None:
        self._work = work
        self._is_tool = work.operation == "execute_tool"
        self._signature = signature_of(function) if self._is_tool else None

    def start(self, args: tuple[object, ...], kwargs: dict[str, object]) -> WorkSpan | None:
        """Start the span; of a tool, record the arguments by the names of their parameters."""
        span = start(self._work)
        if span is not None and self._is_tool and span.captures:
            try:
                given = arguments_of(self._signature, args, kwargs)
                span.record(names.TOOL_CALL_ARGUMENTS, given)
            except Exception as error:
                report_failure("the arguments of a tool", error)
        return span

    def end(self, span: WorkSpan, result: object) -> None:
        """End the span; of a tool, record the result."""
        if self._is_tool:
            span.record(names.TOOL_CALL_RESULT, result)
        span.end()

    def items(self, span: WorkSpan) -> Items | None:
        """Return the collector of the items that a generator yields; None if they are not recorded."""
        return Items() if self._is_tool and span.captures else None

    def record_items(self, span: WorkSpan, items: Items | None) -> None:
        """Record the items of a generator that is being closed."""
        if items is not None and items.kept:
            span.record(names.TOOL_CALL_RESULT, items.kept)
