"""Component schemas of messages and costs: what `/messages` and `/cost` of a trace row return."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.vocabulary import COUNT, FLAG, NUMBER, TEXT, Schema, fields, items, list_of

_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
#: Members that any part may have.
_MARKS: Mapping[str, Schema] = {"truncated_bytes": COUNT, "redacted": FLAG}
_NOTE_CODES = ("content_off", "redacted", "truncated", "expired", "not_recorded")


def message_schemas() -> Mapping[str, object]:
    """Return the component schemas by name."""
    return {
        "Messages": fields(
            messages=list_of("Message"),
            tools=items(
                fields(
                    {"other": {"type": "object"}},
                    name=_TEXT_OR_NULL,
                    description=_TEXT_OR_NULL,
                    parameters={},
                )
            ),
            parameters={"type": "object"},
            notes=items(fields(code={"enum": _NOTE_CODES}, text=TEXT)),
        ),
        "Message": fields(
            {"name": TEXT, "finish_reason": TEXT},
            role=TEXT,
            source={"enum": ["request", "response"]},
            parts=list_of("MessagePart"),
            digest=TEXT,
            new=FLAG,
        ),
        "MessagePart": {"anyOf": _parts()},
        "Cost": fields(
            cost_cents=_NUMBER_OR_NULL,
            source={"enum": ["reported", "computed", None]},
            price_version=_TEXT_OR_NULL,
            buckets=items(
                fields(name=TEXT, tokens=_COUNT_OR_NULL, usd_per_million=_NUMBER_OR_NULL, cost_cents=NUMBER)
            ),
            adds_up=FLAG,
            note=_TEXT_OR_NULL,
        ),
    }


def _parts() -> list[Schema]:
    """Return the schema of each kind of part."""
    medium: Mapping[str, Schema] = {
        "media_type": _TEXT_OR_NULL,
        "name": _TEXT_OR_NULL,
        "url": _TEXT_OR_NULL,
        "digest": _TEXT_OR_NULL,
        "bytes": _COUNT_OR_NULL,
    }
    references = {**_MARKS, "file_id": TEXT, "sha256": TEXT}
    return [
        fields(_MARKS, type={"const": "text"}, text=TEXT),
        fields(_MARKS, type={"const": "thinking"}, text=_TEXT_OR_NULL),
        fields(_MARKS, type={"const": "refusal"}, text=TEXT),
        fields(_MARKS, type={"const": "tool_call"}, id=_TEXT_OR_NULL, name=_TEXT_OR_NULL, arguments={}),
        fields(
            {**_MARKS, "is_error": FLAG},
            type={"const": "tool_result"},
            id=_TEXT_OR_NULL,
            name=_TEXT_OR_NULL,
            parts=list_of("MessagePart"),
        ),
        fields(references, type={"enum": ["image", "file"]}, **medium),
        fields(_MARKS, type={"const": "json"}, value={}),
    ]
