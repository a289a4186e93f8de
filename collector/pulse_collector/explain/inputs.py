"""The parts of a span from which its row may be made; each can be removed or changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, MutableSequence
from typing import NamedTuple, TypeVar, cast

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from pulse_collector.facts.attributes import AttributeValue, as_number, read_attributes
from pulse_collector.facts.json_text import Json

_HOUR_NS = 3_600_000_000_000
#: Flattened lists are one part: `llm.input_messages.0.message.role`.
_INDEXED = re.compile(r"(.+?\.)\d+(\.|$)")
#: Members of a document that decide its format: if one is changed, the document cannot be read.
_FORM = frozenset({"type", "role", "object", "kind"})
#: Added to a text to make it differ from all others; senders do not write it.
_MARK = "~"

ItemT = TypeVar("ItemT")

Change = Callable[[ExportTraceServiceRequest], None]


class Input(NamedTuple):
    """One part of a span: its label, its value, and the functions that remove or change it."""

    #: An attribute's key; `event …`, `resource …` or `span …` for other parts; `….N` for a flattened list.
    label: str
    #: The attribute's key (one of them, for a flattened list); None for other parts.
    key: str | None
    value: AttributeValue
    remove: Change
    alter: Change

    @property
    def may_be_overruled(self) -> bool:
        """Return whether another part may contain the same; false for what every span has."""
        return self.key is not None or self.of_resource or self.label.startswith("event ")

    @property
    def of_resource(self) -> bool:
        """Return whether the part is an attribute of the resource."""
        return self.label.startswith("resource ")


def alone(resource_spans: ResourceSpans, scope_spans: ScopeSpans, span: Span) -> ExportTraceServiceRequest:
    """Return a request with this span only, with its resource and scope."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=resource_spans.resource,
                scope_spans=[ScopeSpans(scope=scope_spans.scope, spans=[span])],
            )
        ]
    )


def span_of(request: ExportTraceServiceRequest) -> Span:
    """Return the span of a request made by `alone`."""
    return request.resource_spans[0].scope_spans[0].spans[0]


def inputs_of(request: ExportTraceServiceRequest) -> Iterator[Input]:
    """Yield the parts of the one span in a request: attributes, events, resource, name, times, status."""
    span = span_of(request)
    attributes = read_attributes(span.attributes)
    lists: dict[str, list[str]] = {}
    for key in attributes:
        indexed = _INDEXED.match(key)
        lists.setdefault(key if indexed is None else indexed[1] + "N", []).append(key)
    for label, keys in lists.items():
        value = attributes[keys[0]] if len(keys) == 1 else None
        yield Input(label, keys[0], value, _without(keys), _altered(keys))
    for name in dict.fromkeys(event.name for event in span.events):
        yield Input(f"event {name}", None, None, _without_event(name), _altered_event(name))
    for key, value in read_attributes(_resource(request).attributes).items():
        yield Input(f"resource {key}", None, value, _without_resource(key), _altered_resource(key))
    yield Input("span name", None, span.name, _nameless, _renamed)
    yield Input("span times", None, None, _later, _later)
    yield Input("span status", None, span.status.message or span.status.code, _unset_status, _other_status)


def _without(keys: Collection[str]) -> Change:
    return lambda request: _keep(span_of(request).attributes, lambda pair: pair.key not in keys)


def _without_resource(key: str) -> Change:
    return lambda request: _keep(_resource(request).attributes, lambda pair: pair.key != key)


def _without_event(name: str) -> Change:
    return lambda request: _keep(span_of(request).events, lambda event: event.name != name)


def _altered(keys: Collection[str]) -> Change:
    return lambda request: _alter_each(pair for pair in span_of(request).attributes if pair.key in keys)


def _altered_resource(key: str) -> Change:
    return lambda request: _alter_each(pair for pair in _resource(request).attributes if pair.key == key)


def _altered_event(name: str) -> Change:
    def alter(request: ExportTraceServiceRequest) -> None:
        for event in span_of(request).events:
            if event.name == name:
                event.time_unix_nano += 1_000_000
                _alter_each(event.attributes)

    return alter


def _nameless(request: ExportTraceServiceRequest) -> None:
    span_of(request).name = ""


def _renamed(request: ExportTraceServiceRequest) -> None:
    span_of(request).name = _other_text(span_of(request).name)


def _later(request: ExportTraceServiceRequest) -> None:
    span = span_of(request)
    span.start_time_unix_nano = max(span.start_time_unix_nano - _HOUR_NS, 0)
    span.end_time_unix_nano += 1_000_000


def _unset_status(request: ExportTraceServiceRequest) -> None:
    span_of(request).ClearField("status")


def _other_status(request: ExportTraceServiceRequest) -> None:
    status = span_of(request).status
    failed = status.code == Status.STATUS_CODE_ERROR
    status.code = Status.STATUS_CODE_OK if failed else Status.STATUS_CODE_ERROR
    status.message = _other_text(status.message)


def _resource(request: ExportTraceServiceRequest) -> Resource:
    return request.resource_spans[0].resource


def _keep(items: MutableSequence[ItemT], wanted: Callable[[ItemT], bool]) -> None:
    """Keep only the wanted items of a repeated field, which has no such method."""
    kept = [item for item in items if wanted(item)]
    del items[:]
    items.extend(kept)


def _alter_each(pairs: Iterable[KeyValue]) -> None:
    for pair in pairs:
        _alter(pair.value)


def _alter(value: AnyValue) -> None:
    """Change a value to another one of the same kind that no reader treats as equal."""
    match value.WhichOneof("value"):
        case "string_value":
            value.string_value = _altered_text(value.string_value)
        case "bool_value":
            value.bool_value = not value.bool_value
        case "int_value":
            value.int_value += 1 if value.int_value < (1 << 62) else -1
        case "double_value":
            value.double_value += 1.0
        case "array_value":
            for item in value.array_value.values:
                _alter(item)
        case "kvlist_value":
            for pair in value.kvlist_value.values:
                _alter(pair.value)
        case "bytes_value":
            value.bytes_value = _MARK.encode() + value.bytes_value
        case _:
            pass


def _altered_text(text: str) -> str:
    """Return a changed text: inside, if it is JSON; a numeral remains a numeral."""
    number = as_number(text)
    if number is not None:
        return str(int(number) + 1 if number == int(number) else number + 1)
    if text[:1] in ("{", "[", '"'):
        try:
            return orjson.dumps(_altered_json(cast("Json", orjson.loads(text)))).decode()
        except (ValueError, TypeError, RecursionError):
            pass
    return _other_text(text)


def _other_text(text: str) -> str:
    """Return a text of which no part equals a part of the given one."""
    return _MARK + text[::-1]


def _altered_json(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            key: member if key in _FORM and isinstance(member, str) else _altered_json(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_altered_json(item) for item in value]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return None if value is None else _other_text(value)
