"""Joins the pieces of tool calls of a streamed chat completion."""

from __future__ import annotations

import json

from pulse_instrumentation.content import dumps
from pulse_instrumentation.fields import field


class ToolCalls:
    """The tool calls of one choice, in the order in which they began."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def add(self, piece: object) -> None:
        """Take one entry of a delta's `tool_calls`."""
        index, id, custom = field(piece, "index"), field(piece, "id") or None, field(piece, "custom")
        function = field(piece, "function") if custom is None else custom
        call = self._continued(index, id, function)
        if call is None:
            call = ToolCall(index)
            self._calls.append(call)
        call.id = call.id or id
        call.custom = call.custom or custom is not None
        call.add(function)

    def _continued(self, index: object, id: object, function: object) -> ToolCall | None:
        """The call that a piece belongs to; None if the piece begins a call.

        The index decides, or the id where there is no index. Servers that give every call the same index
        begin a call by a name together with another id, or, without ids, by a name after a whole call.
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
        # Some servers send another id with each piece.
        return None if named or index is None else last

    def whole(self) -> list[object]:
        """The calls as a whole message has them."""
        return [call.whole() for call in self._calls]


class ToolCall:
    """One call of a function, or of a custom tool, as its pieces arrive."""

    __slots__ = ("_arguments", "_name", "custom", "id", "index")

    def __init__(self, index: object) -> None:
        self.index = index
        self.id: object = None
        self.custom = False
        self._name: object = None
        self._arguments: list[str] = []

    def add(self, piece: object) -> None:
        """Take a piece of the function or of the custom tool."""
        self._name = self._name or field(piece, "name")
        # A function has arguments, a custom tool has input.
        for key in ("arguments", "input"):
            if isinstance(words := field(piece, key), str):
                self._arguments.append(words)
            elif words and issubclass(type(words), (dict, list)):
                # Some servers send the arguments as an object, as a whole.
                self._arguments.append(dumps(words))

    def is_followed_by(self, piece: object) -> bool:
        """Whether a piece with a name, but without an id, begins another call: some repeat the name."""
        name = field(piece, "name")
        if self._name is None or (self.id is not None and name == self._name):
            return False
        if name != self._name:
            return True
        begins = isinstance(words := field(piece, "arguments"), str) and words.lstrip().startswith("{")
        return begins and _is_object("".join(self._arguments))

    def function(self) -> object:
        """What is called, with its arguments."""
        return {"name": self._name, "input" if self.custom else "arguments": "".join(self._arguments)}

    def whole(self) -> object:
        """The call as a whole message has it."""
        return {"id": self.id, "custom" if self.custom else "function": self.function()}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False
