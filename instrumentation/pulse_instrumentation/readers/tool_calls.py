"""Join the pieces of tool calls of a streamed chat completion."""

from __future__ import annotations

import json

from pulse_instrumentation.content import dumps
from pulse_instrumentation.fields import field


class ToolCalls:
    """The tool calls of one choice, in the order of their first pieces."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def add(self, piece: object) -> None:
        """Add one element of a delta's `tool_calls`."""
        index, id, custom = field(piece, "index"), field(piece, "id") or None, field(piece, "custom")
        function = field(piece, "function") if custom is None else custom
        call = self._find_call(index, id, function)
        if call is None:
            call = ToolCall(index)
            self._calls.append(call)
        call.id = call.id or id
        call.custom = call.custom or custom is not None
        call.add(function)

    def _find_call(self, index: object, id: object, function: object) -> ToolCall | None:
        """Return the call that a piece continues; None if the piece begins a new call.

        The call is found by index, or by id without an index. A server that sends the same index for all
        calls begins a call by a name with another id, or, without ids, by a name after a complete call.
        """
        calls = [call for call in self._calls if index is None or call.index == index]
        if not calls:
            return None
        last = calls[-1]
        named = bool(field(function, "name"))
        if id is None:
            return None if named and last.is_followed_by(function) else last
        same = next((call for call in reversed(calls) if call.id == id), None)
        if same is not None or last.id is None:
            return same or last
        # Some servers send a new id with each piece.
        return None if named or index is None else last

    def whole(self) -> list[object]:
        """Return the calls in the form of a message that is not streamed."""
        return [call.whole() for call in self._calls]


class ToolCall:
    """One call of a function or custom tool, while its pieces arrive."""

    __slots__ = ("_arguments", "_name", "custom", "id", "index")

    def __init__(self, index: object) -> None:
        self.index = index
        self.id: object = None
        self.custom = False
        self._name: object = None
        self._arguments: list[str] = []

    def add(self, piece: object) -> None:
        """Add a piece of the function or custom tool."""
        self._name = self._name or field(piece, "name")
        # A function has arguments, a custom tool has input.
        for key in ("arguments", "input"):
            if isinstance(words := field(piece, key), str):
                self._arguments.append(words)
            elif words and issubclass(type(words), (dict, list)):
                # Some servers send the complete arguments as an object.
                self._arguments.append(dumps(words))

    def is_followed_by(self, piece: object) -> bool:
        """Return whether a piece with a name but no id begins a new call. Some servers repeat the name."""
        name = field(piece, "name")
        if self._name is None or (self.id is not None and name == self._name):
            return False
        if name != self._name:
            return True
        begins = isinstance(words := field(piece, "arguments"), str) and words.lstrip().startswith("{")
        return begins and _is_object("".join(self._arguments))

    def function(self) -> object:
        """Return the name of the function or tool with its joined arguments."""
        return {"name": self._name, "input" if self.custom else "arguments": "".join(self._arguments)}

    def whole(self) -> object:
        """Return the call in the form of a message that is not streamed."""
        return {"id": self.id, "custom" if self.custom else "function": self.function()}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False
