"""Reads content of spans from log records: OpenTelemetry's gen-ai events.

Records of one span may arrive in any number of requests, before or after the span, and twice. `event_parts`
returns them as parts with an identity and an order; `content_of_parts` builds the content of a span from all
of its parts, in whatever order they arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.facts.attributes import Attributes, as_text, read_attributes
from pulse_collector.facts.content import as_content
from pulse_collector.facts.event_messages import choice_message
from pulse_collector.facts.finish_reasons import finish_reason, finish_reasons
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, parse_object, to_json
from pulse_collector.facts.previews import preview
from pulse_collector.facts.span_facts import SpanFacts
from pulse_storage.content.bodies import pack
from pulse_storage.rows import PREVIEW_CHARS, EventContent, EventPart

#: Has all content of a call.
_DETAILS = "gen_ai.client.inference.operation.details"
#: Have one message each. The number orders records with the same time.
_MESSAGES = {
    "gen_ai.system.message": (0, "system"),
    "gen_ai.user.message": (1, "user"),
    "gen_ai.assistant.message": (2, "assistant"),
    "gen_ai.tool.message": (3, "tool"),
    "gen_ai.choice": (4, "assistant"),
    # LiteLLM's events, whose body is the message or the choice.
    "gen_ai.content.prompt": (1, "user"),
    "gen_ai.content.completion": (4, "assistant"),
}
_CHOICES = frozenset({"gen_ai.choice", "gen_ai.content.completion"})
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(slots=True)
class MappedEvents:
    """The parts in a request, and the number of records that are no gen-ai content of a span."""

    parts: list[EventPart]
    ignored: int


def event_parts(request: ExportLogsServiceRequest) -> MappedEvents:
    """Return the parts in the gen-ai events of a request that name a span.

    Pure; no message makes it raise.
    """
    parts: list[EventPart] = []
    ignored = 0
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                part = _part(record)
                if part is None:
                    ignored += 1
                else:
                    parts.append(part)
    return MappedEvents(parts, ignored)


def content_of_parts(parts: Iterable[EventPart]) -> EventContent:
    """Return the content of one span from all of its stored parts; repeated parts have no effect."""
    facts = SpanFacts(
        name="",
        scope=None,
        attributes={},
        events=(),
        start_ns=0,
        latency_ms=None,
        operation="chat",
        model_call=True,
        is_root=False,
    )
    messages: list[Json] = []
    answers: list[Json] = []
    distinct = {part.digest: part for part in parts}
    for part in sorted(distinct.values(), key=lambda part: (part.order, part.digest)):
        document = parse_object(part.document)
        if part.name == _DETAILS:
            facts.attributes.update(document)
        elif part.name in _CHOICES:
            answers.append(choice_message(document))
        elif document:
            messages.append({"role": _MESSAGES[part.name][1], **document})
    _read_details(facts)
    facts.finish_reasons = facts.finish_reasons or [
        reason
        for answer in answers
        if isinstance(answer, dict) and isinstance(reason := answer.get("finish_reason"), str)
    ]
    audible = [answer for answer in answers if isinstance(answer, dict) and answer.keys() - _SILENT]
    set_messages(facts, messages=as_content(messages), answers=as_content(audible))
    text = facts.output_text
    return EventContent(
        input_preview=preview(facts.input_text),
        output_preview=preview(text),
        output_text=pack(text.encode(errors="replace")) if text and len(text) > PREVIEW_CHARS else None,
        request_body=None if facts.request is None else pack(facts.request),
        response_body=None if facts.response is None else pack(facts.response),
        finish_reason=finish_reason(facts.finish_reasons[0]) if facts.finish_reasons else None,
    )


#: Members of a choice that are not content.
_SILENT = frozenset({"role", "index", "finish_reason"})


def _part(record: LogRecord) -> EventPart | None:
    trace_id, span_id = record.trace_id, record.span_id
    if len(trace_id) != 16 or len(span_id) != 8 or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    attributes = read_attributes(record.attributes)
    name = record.event_name or as_text(attributes.get("event.name") or attributes.get("event_name")) or ""
    if name != _DETAILS and name not in _MESSAGES:
        return None
    document = dump_json(_document(name, record, attributes))
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    rank = _MESSAGES[name][0] if name in _MESSAGES else 0
    digest = blake2b(f"{time_ns} {name} ".encode() + document, digest_size=16).digest()
    return EventPart(trace_id, span_id, digest, (time_ns, rank), name, document)


def _document(name: str, record: LogRecord, attributes: Attributes) -> JsonObject:
    if name == _DETAILS:
        # The first versions wrote the content into the body.
        body = read_attributes([KeyValue(key="body", value=record.body)])["body"]
        facts = {**(body if isinstance(body, Mapping) else {}), **attributes}
        return {key: to_json(value) for key, value in facts.items() if key.startswith("gen_ai.")}
    body = to_json(read_attributes([KeyValue(key="body", value=record.body)])["body"])
    if isinstance(body, str):
        return parse_object(body) or ({"content": body} if body else {})
    return body if isinstance(body, dict) else {}


def _read_details(facts: SpanFacts) -> None:
    attributes = facts.attributes
    if not attributes:
        return
    facts.fill("model_requested", attributes.get("gen_ai.request.model"))
    facts.fill("model_used", attributes.get("gen_ai.response.model"))
    facts.fill("provider_request_id", attributes.get("gen_ai.response.id"))
    facts.finish_reasons = finish_reasons(attributes.get("gen_ai.response.finish_reasons"))
    read_content(facts)
