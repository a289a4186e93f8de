"""Fold the chunks of a streamed chat completion into one completion."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_instrumentation.fields import field, items, own_fields, pairs
from pulse_instrumentation.readers.pieces import join_texts
from pulse_instrumentation.readers.tool_calls import ToolCall, ToolCalls

# The fields of a delta that contain text; `text` is that of legacy completions.
_WORDS = frozenset(
    {"content", "reasoning", "reasoning_content", "reasoning_text", "thinking", "refusal", "text"}
)
_OTHER_OUTPUT = frozenset({"tool_calls", "function_call", "images", "reasoning_details", "audio"})
# The fields of a completion taken from the first chunk with a value: Azure's first chunk has them empty.
_HEAD = ("id", "model", "system_fingerprint", "service_tier", "provider")


class ChatFold:
    """Folds chunks into one chat or legacy completion.

    Accepts the chunks of compatible servers: null choices, tool calls without an index, usage in any chunk
    and in several places of it, several choices interleaved.
    """

    __slots__ = ("_choices", "_content", "_error", "_groq", "_head", "_missing", "_usage")

    def __init__(self, content: bool) -> None:
        self._content = content
        self._head: dict[str, object] = {}
        self._missing = _HEAD
        self._usage: object = None
        self._groq: object = None
        self._error: object = None
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: object) -> bool:
        fields = own_fields(chunk)
        # Fields that the client's model does not declare.
        extra = fields if fields is chunk else getattr(chunk, "__pydantic_extra__", None)
        if self._missing:
            self._take_head(fields)
        if (usage := fields.get("usage")) and (self._usage is None or _counts(usage)):
            self._usage = usage
        if extra:
            self._take_extra(extra)
        output = False
        for position, piece in enumerate(items(fields.get("choices"))):
            parts = own_fields(piece)
            index = parts.get("index")
            key = index if isinstance(index, int) else position
            choice = self._choices.get(key)
            if choice is None:
                choice = self._choices[key] = _Choice()
            if reason := parts.get("finish_reason"):
                choice.finish_reason = reason
            if extra := parts if parts is piece else getattr(piece, "__pydantic_extra__", None):
                choice.usage = extra.get("usage") or choice.usage
                choice.error = extra.get("error") or choice.error
            # Without content, deltas after the first output are not needed.
            if self._content or not choice.started:
                delta = parts.get("delta")
                if delta is None:
                    # A choice of legacy completions has the text itself, without a delta.
                    delta = piece
                output |= choice.add(delta, self._content)
        return output

    def _take_head(self, fields: Mapping[str, object]) -> None:
        for name in self._missing:
            if value := fields.get(name):
                self._head[name] = value
                self._missing = tuple(other for other in self._missing if other != name)

    def _take_extra(self, extra: Mapping[str, object]) -> None:
        self._take_head(extra)
        if error := extra.get("error"):
            self._error = error
        groq = extra.get("x_groq")
        # The first chunk has one too, with only an id.
        if groq is not None and (field(groq, "usage") or field(groq, "error")):
            self._groq = groq

    def response(self) -> object:
        return {
            **self._head,
            "usage": self._usage,
            "x_groq": self._groq,
            "error": self._error,
            "choices": [self._choices[key].whole() for key in sorted(self._choices)],
        }


def _counts(usage: object) -> bool:
    """Return whether a usage object has any count: some servers end a stream with an empty one."""
    return any(isinstance(value, int) and value > 0 for _, value in pairs(usage))


class _Choice:
    """One choice, while its deltas arrive. Texts are joined once, at the end."""

    __slots__ = (
        "_details",
        "_function",
        "_images",
        "_tools",
        "_transcript",
        "_words",
        "error",
        "finish_reason",
        "role",
        "started",
        "usage",
    )

    def __init__(self) -> None:
        self.finish_reason: object = None
        self.usage: object = None
        self.error: object = None
        self.role: object = None
        self.started = False
        self._words: dict[str, list[object]] = {}
        self._tools = ToolCalls()
        self._images: list[object] = []
        self._details: list[object] = []
        self._transcript: list[str] = []
        self._function: ToolCall | None = None
        """The deprecated `function_call`, which preceded `tool_calls`."""

    def add(self, delta: object, content: bool) -> bool:
        output = False
        for name, value in pairs(delta):
            if not value:
                continue
            if name in _WORDS:
                # Mistral sends content as a list of parts during reasoning.
                if isinstance(value, str) or items(value):
                    output = True
                    if content:
                        self._words.setdefault(name, []).append(value)
            elif name == "role":
                self.role = value
            elif name in _OTHER_OUTPUT:
                output = True
                if content:
                    self._take(name, value)
        self.started = self.started or output
        return output

    def _take(self, name: str, value: object) -> None:
        if name == "tool_calls":
            for tool in items(value):
                self._tools.add(tool)
        elif name == "function_call":
            self._function = self._function or ToolCall(None)
            self._function.add(value)
        elif name == "images":
            self._images.extend(items(value))
        elif name == "reasoning_details":
            self._details.extend(items(value))
        elif isinstance(words := field(value, "transcript"), str):
            # Only the transcript of audio: its data would be kept in memory until the end of the stream.
            self._transcript.append(words)

    def whole(self) -> object:
        """Return the choice in the form of a completion that is not streamed."""
        message: dict[str, object] = {"role": self.role or "assistant"}
        for name, pieces in self._words.items():
            message[name] = join_texts(pieces)
        found = {
            "tool_calls": self._tools.whole(),
            "images": self._images,
            "reasoning_details": self._details,
            "function_call": None if self._function is None else self._function.function(),
            "audio": {"transcript": "".join(self._transcript)} if self._transcript else None,
        }
        message.update((name, value) for name, value in found.items() if value)
        return {
            "message": message,
            # Legacy completions of Together have a delta with content, as chat completions have.
            "text": message.get("text") or message.get("content"),
            "finish_reason": self.finish_reason,
            "usage": self.usage,
            "error": self.error,
        }
