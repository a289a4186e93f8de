"""Determines whether a span failed, and the type and message of its error."""

from __future__ import annotations

import re

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from pulse_collector.facts.attributes import as_text
from pulse_collector.facts.span_facts import SpanFacts

_ERROR = Status.STATUS_CODE_ERROR
_MAX_MESSAGE_CHARS = 4096
#: "openai.RateLimitError: Error code: 429 - …": some senders put the exception's class before its message.
_CLASS_PREFIX = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Timeout|Failure)): ")


def read_outcome(facts: SpanFacts, status: Status) -> None:
    """Set whether the span failed, and the type and message of its error.

    A span failed if its status is ERROR, if it has an error type, or if it recorded an exception and its
    status is not OK. An unset status alone means success.
    """
    code = status.code
    if code != _ERROR and not (facts.events or facts.failed or "error_type" in facts.texts):
        return
    exception = next((event for event in reversed(facts.events) if event.name == "exception"), None)
    failed = facts.failed or code == _ERROR or "error_type" in facts.texts
    if exception is not None:
        failed = failed or code != Status.STATUS_CODE_OK
    facts.failed = failed
    if not failed:
        return
    if exception is not None:
        facts.fill("error_type", as_text(exception.attributes.get("exception.type")))
        _fill_message(facts, as_text(exception.attributes.get("exception.message")))
    message = status.message
    _fill_message(facts, message)
    _fill_message(facts, as_text(facts.attributes.get("error.message")))
    text = facts.texts.get("error_message", "")
    prefix = _CLASS_PREFIX.match(message or text)
    if prefix is not None:
        facts.fill("error_type", prefix[1])


def _fill_message(facts: SpanFacts, message: str | None) -> None:
    """Set the error message, which may be longer than other texts: it quotes the provider's response."""
    if message and "error_message" not in facts.texts:
        message = message.replace("\x00", "\ufffd")
        facts.texts["error_message"] = (
            message if len(message) <= _MAX_MESSAGE_CHARS else message[:_MAX_MESSAGE_CHARS] + "…"
        )
