"""Folds the chunks of a streamed chat completion into one completion."""

from __future__ import annotations

from pulse_instrumentation.fields import field, items, own_fields, pairs

# The fields of a delta that hold words; `text` is the legacy completions' own.
_WORDS = frozenset({"content", "reasoning", "reasoning_content", "refusal", "text"})


class ChatFold:
    """One completion from its chunks; serves the legacy completions too.

    Tolerates what compatible servers send: null choices, tool calls without an index, usage in any
    chunk, several choices interleaved.
    """

    __slots__ = ("_choices", "_content", "_head", "_provider", "_usage")

    def __init__(self, content: bool) -> None:
        self._content = content
        self._head: object = None
        self._usage: object = None
        self._provider: object = None
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: object) -> bool:
        if self._head is None:
            self._head = chunk
        fields = own_fields(chunk)
        usage = fields.get("usage")
        if usage is not None:
            self._usage = usage
            self._provider = field(chunk, "provider")
        output = False
        for position, piece in enumerate(items(fields.get("choices"))):
            parts = own_fields(piece)
            index = parts.get("index")
            key = index if isinstance(index, int) else position
            choice = self._choices.get(key)
            if choice is None:
                choice = self._choices[key] = _Choice()
            if (reason := parts.get("finish_reason")) is not None:
                choice.finish_reason = reason
            # Once output has been seen and words are not wanted, deltas need no look.
            if self._content or not choice.started:
                delta = parts.get("delta")
                if delta is None:
                    # The legacy completions stream has the text on the choice itself.
                    delta = piece
                output |= choice.add(delta, self._content)
        return output

    def response(self) -> object:
        head = self._head
        return {
            "id": field(head, "id"),
            "model": field(head, "model"),
            "system_fingerprint": field(head, "system_fingerprint"),
            "service_tier": field(head, "service_tier"),
            "provider": field(head, "provider") or self._provider,
            "usage": self._usage,
            "choices": [self._choices[key].whole() for key in sorted(self._choices)],
        }


class _Choice:
    """One choice as its deltas arrive; strings are joined once, at the end."""

    __slots__ = ("_function", "_texts", "_tools", "_transcript", "finish_reason", "role", "started")

    def __init__(self) -> None:
        self.finish_reason: object = None
        self.role: object = None
        self.started = False
        self._texts: dict[str, list[str]] = {}
        self._tools: list[_ToolCall] = []
        self._transcript: list[str] = []
        self._function: _ToolCall | None = None
        """The call of a function in the way before there were tools."""

    def add(self, delta: object, content: bool) -> bool:
        output = False
        for name, value in pairs(delta):
            if not value:
                continue
            if name in _WORDS:
                if isinstance(value, str):
                    output = True
                    if content:
                        self._texts.setdefault(name, []).append(value)
            elif name == "tool_calls":
                for tool in items(value):
                    output = True
                    if content:
                        self._tool_call(tool)
            elif name == "function_call":
                output = True
                if content:
                    self._function = self._function or _ToolCall(None)
                    self._function.add(value)
            elif name == "audio":
                output = True
                if content and isinstance(words := field(value, "transcript"), str):
                    self._transcript.append(words)
            elif name == "role" and content:
                self.role = value
        self.started = self.started or output
        return output

    def _tool_call(self, piece: object) -> None:
        index, id = field(piece, "index"), field(piece, "id")
        call = self._find(index, id)
        if call is None:
            call = _ToolCall(index)
            self._tools.append(call)
        call.id = call.id or id
        custom = field(piece, "custom")
        call.custom = call.custom or custom is not None
        call.add(field(piece, "function") if custom is None else custom)

    def _find(self, index: object, id: object) -> _ToolCall | None:
        if index is not None:
            return next((call for call in self._tools if call.index == index), None)
        # Without an index a new id opens a new call, and anything else continues the last one.
        if id is not None:
            return next((call for call in self._tools if call.id == id), None)
        return self._tools[-1] if self._tools else None

    def whole(self) -> object:
        texts_ = {key: "".join(pieces) for key, pieces in self._texts.items()}
        message: dict[str, object] = {"role": self.role or "assistant", **texts_}
        if self._tools:
            message["tool_calls"] = [call.whole() for call in self._tools]
        if self._function is not None:
            message["function_call"] = self._function.function()
        if self._transcript:
            message["audio"] = {"transcript": "".join(self._transcript)}
        return {
            "message": message,
            "text": texts_.get("text"),
            "finish_reason": self.finish_reason,
        }


class _ToolCall:
    """One call of a function, or of a custom tool, as its pieces arrive."""

    __slots__ = ("_arguments", "_name", "custom", "id", "index")

    def __init__(self, index: object) -> None:
        self.index = index
        self.id: object = None
        self.custom = False
        self._name: object = None
        self._arguments: list[str] = []

    def add(self, piece: object) -> None:
        self._name = self._name or field(piece, "name")
        # A function has arguments, a custom tool has input.
        for key in ("arguments", "input"):
            if isinstance(words := field(piece, key), str):
                self._arguments.append(words)

    def function(self) -> object:
        return {"name": self._name, "input" if self.custom else "arguments": "".join(self._arguments)}

    def whole(self) -> object:
        return {"id": self.id, "custom" if self.custom else "function": self.function()}
