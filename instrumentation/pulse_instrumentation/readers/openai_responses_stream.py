"""Fold the events of a streamed answer of the Responses API into one response."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_instrumentation.fields import field, items, own_fields, pairs

# The last events of a stream, with the status that each reports.
_FINAL_EVENTS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
}
# The text that `.delta` and `.done` events extend, by their name: the field of the item, and for a field with
# parts the type of the part, its text field, and the event's field with the index of the part.
_TEXT = ("content", "output_text", "text", "content_index")
_EXTENDED: dict[str, tuple[str, str, str, str]] = {
    "response.output_text": _TEXT,
    "response.refusal": ("content", "refusal", "refusal", "content_index"),
    "response.reasoning_text": ("content", "reasoning_text", "text", "content_index"),
    "response.reasoning_summary_text": ("summary", "summary_text", "text", "summary_index"),
    "response.function_call_arguments": ("arguments", "", "arguments", ""),
    "response.mcp_call_arguments": ("arguments", "", "arguments", ""),
    "response.custom_tool_call_input": ("input", "", "input", ""),
    "response.code_interpreter_call_code": ("code", "", "code", ""),
}
# The type of the item of a delta whose item was not added by an event.
_ITEM_TYPES = {
    "response.reasoning_text": "reasoning",
    "response.reasoning_summary_text": "reasoning",
    "response.function_call_arguments": "function_call",
    "response.mcp_call_arguments": "mcp_call",
    "response.custom_tool_call_input": "custom_tool_call",
    "response.code_interpreter_call_code": "code_interpreter_call",
}
# The fields of an item that contain output of the model.
_WRITTEN = ("content", "summary", "arguments", "input", "code", "output", "result", "encrypted_content")

# The place of a delta: the name of its event, the index and id of its item, the index of its part.
_Place = tuple[str, object, object, object]


class ResponsesFold:
    """Folds events into one response.

    The last event should contain the complete response. Items that it lacks are taken from earlier events:
    finished items, and unfinished ones with their deltas.
    """

    __slots__ = ("_content", "_head", "_items", "_output", "_pieces")

    def __init__(self, content: bool) -> None:
        self._content = content
        self._head: dict[str, object] = {}
        """The fields of the response, each from the last event that contains it."""
        self._output: Sequence[object] = ()
        self._items: list[_Item] = []
        self._pieces: dict[_Place, list[str]] = {}

    def add(self, chunk: object) -> bool:
        fields = own_fields(chunk)
        kind = fields.get("type")
        if kind == "response.output_text.delta":
            # Most events are deltas.
            if self._content and isinstance(delta := fields.get("delta"), str):
                key = (
                    "response.output_text",
                    fields.get("output_index"),
                    fields.get("item_id"),
                    fields.get("content_index"),
                )
                self._pieces_of(key).append(delta)
            return True
        if kind is None and field(chunk, "event") == "error":
            # Clients before 1.70 wrap the event so.
            chunk = field(chunk, "data")
            kind = "error"
        return isinstance(kind, str) and self._take(kind, chunk)

    def _take(self, kind: str, chunk: object) -> bool:
        """Fold an event that is no delta. A client older than the event's type parses it as another model."""
        name, _, suffix = kind.rpartition(".")
        if name == "response":
            self._take_response(kind, field(chunk, "response"))
        elif name == "response.output_item":
            self._take_item(field(chunk, "output_index"), field(chunk, "item"), suffix == "done")
            return suffix == "done"
        elif kind == "error":
            self._take_error(chunk)
        elif self._content and (extended := _EXTENDED.get(name)) is not None:
            place = (field(chunk, "output_index"), field(chunk, "item_id"), field(chunk, extended[3]))
            pieces = self._pieces_of((name, *place))
            if suffix == "delta" and isinstance(delta := field(chunk, "delta"), str):
                pieces.append(delta)
            elif suffix == "done" and isinstance(whole := field(chunk, extended[2]), str):
                pieces[:] = [whole]
        return suffix == "delta"

    def _pieces_of(self, key: _Place) -> list[str]:
        pieces = self._pieces.get(key)
        if pieces is None:
            pieces = self._pieces[key] = []
        return pieces

    def _take_response(self, kind: str, response: object) -> None:
        for name, value in pairs(response):
            if value is None or value == "":
                continue
            if name == "output":
                self._output = items(value) or self._output
            elif name in _HEAD:
                self._head[name] = value
        if (status := _FINAL_EVENTS.get(kind)) is not None and field(response, "status") is None:
            self._head["status"] = status

    def _take_error(self, event: object) -> None:
        error = field(event, "error") or event
        self._head["status"] = "failed"
        self._head["error"] = {name: field(error, name) for name in ("type", "code", "message")}

    def _take_item(self, index: object, item: object, done: bool) -> None:
        if item is None:
            return
        id = field(item, "id")
        for known in self._items:
            if known.index == index and (
                known.id == id or (done and not known.done and not (known.id and id))
            ):
                known.item, known.done = item, known.done or done
                return
        self._items.append(_Item(index, id, item, done))

    def response(self) -> object:
        if not self._head and not self._items and not self._pieces:
            return None
        self._give_pieces()
        return {**self._head, "output": _merge_items(self._output, self._items)}

    def _give_pieces(self) -> None:
        for (name, index, id, part), pieces in self._pieces.items():
            item = _item_of(self._items, index, id)
            if item is None:
                item = _Item(index, id, {"type": _ITEM_TYPES.get(name, "message"), "id": id}, False)
                self._items.append(item)
            item.words.append((*_EXTENDED[name][:3], part, "".join(pieces)))
        self._pieces.clear()


_HEAD = frozenset(
    {
        "id",
        "model",
        "status",
        "usage",
        "error",
        "incomplete_details",
        "background",
        "service_tier",
        "provider",
    }
)


class _Item:
    """One item of the output, while its events arrive."""

    __slots__ = ("done", "id", "index", "item", "words")

    def __init__(self, index: object, id: object, item: object, done: bool) -> None:
        self.index = index
        self.id = id
        self.item = item
        self.done = done
        self.words: list[tuple[str, str, str, object, str]] = []
        """The item's field, the part's type, the part's field, the part's index, and the text."""

    def whole(self) -> object:
        """Return the item, with the text of its deltas in fields that are empty."""
        if not self.words or (self.done and _is_written(self.item)):
            return self.item
        whole = {name: value for name, value in pairs(self.item) if value is not None}
        parts: dict[str, list[tuple[object, object]]] = {}
        for name, kind, part_name, index, words in self.words:
            if kind:
                parts.setdefault(name, []).append((index, {"type": kind, part_name: words}))
            else:
                whole[name] = words
        for name, found in parts.items():
            found.sort(key=lambda part: part[0] if isinstance(part[0], int) else 0)
            whole[name] = [part for _, part in found]
        return whole


def _item_of(found: Sequence[_Item], index: object, id: object) -> _Item | None:
    """Return the item that a delta extends, found by index and id, else by one of the two."""
    by_id = [item for item in found if id is not None and item.id == id]
    by_index = [item for item in found if index is not None and item.index == index]
    both = [item for item in by_id if item in by_index]
    return (both or by_id or by_index or [None])[-1]


def _is_written(item: object) -> bool:
    """Return whether an item contains output of the model."""
    for name in _WRITTEN:
        value = field(item, name)
        parts = items(value)
        if any(field(part, "text") or field(part, "refusal") for part in parts) if parts else value:
            return True
    return False


def _merge_items(final: Sequence[object], found: Sequence[_Item]) -> Sequence[object]:
    """Return the items of the last event, completed by items and output of earlier events."""
    in_order = sorted(found, key=lambda item: item.index if isinstance(item.index, int) else len(found))
    if not final:
        return [item.whole() for item in in_order]
    merged = list(final)
    missing: list[_Item] = []
    for item in in_order:
        position = _position(final, item)
        if position is None:
            missing.append(item)
        elif not _is_written(final[position]) and _is_written(whole := item.whole()):
            merged[position] = whole
    # An equal number of items means that no item is missing, even if their ids differ.
    for item in missing if len(final) < len(found) else ():
        place = item.index if isinstance(item.index, int) else len(merged)
        merged.insert(min(place, len(merged)), item.whole())
    return merged


def _position(final: Sequence[object], item: _Item) -> int | None:
    """Return the position of an item in the last event, found by id, else by index and type."""
    for position, other in enumerate(final):
        if item.id is not None and field(other, "id") == item.id:
            return position
    index = item.index
    if not isinstance(index, int) or not 0 <= index < len(final):
        return None
    return index if field(final[index], "type") == field(item.item, "type") else None
