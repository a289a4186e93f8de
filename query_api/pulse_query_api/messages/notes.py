"""Notes on missing content of a row: each has a code, and a sentence with the cause and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pulse_query_api.messages.conversation import Conversation
from pulse_storage.rows import PREVIEW_CHARS

NoteCode = Literal["content_off", "redacted", "truncated", "expired", "not_recorded"]

_CONVENTIONS = "set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY in the sender"
#: How each sender is set to record content, by dialect.
_CAPTURE = {
    "otel-genai": _CONVENTIONS,
    "anthropic-sdk": "set ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content in the sender",
    "openllmetry": "set TRACELOOP_TRACE_CONTENT=true in the sender",
    "traceloop": "set TRACELOOP_TRACE_CONTENT=true in the sender",
    "openinference": "unset OPENINFERENCE_HIDE_INPUTS and OPENINFERENCE_HIDE_OUTPUTS in the sender",
    "vercel-ai": "set recordInputs and recordOutputs to true in the telemetry settings of the call",
    "pydantic-ai": "pass include_content=True to its InstrumentationSettings",
    "openlit": "pass capture_message_content=True to openlit.init()",
    "agent-framework": "turn on its sensitive data (ENABLE_SENSITIVE_DATA=true)",
    "claude-code": "set OTEL_LOG_USER_PROMPTS=1 in the sender",
}
_ANY_CAPTURE = "turn on the capture of content in the sender"


class Note(NamedTuple):
    """One reason why content is missing."""

    code: NoteCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowState:
    """The facts of a row that explain missing content."""

    has_request: bool
    has_response: bool
    #: The preview or text that is shown in place of a missing body.
    input_text: str | None
    output_text: str | None
    #: Whether the output text is the preview, which may be cut.
    is_output_cut: bool
    is_error: bool
    operation: str | None
    dialect: str | None
    #: RFC 3339 time before which retention has deleted the content, if the row started before it.
    expired_before: str | None


def notes_of(found: Conversation, row: RowState) -> list[Note]:
    """Return the notes of a row; an empty list if all content was recorded."""
    notes = [*_missing(row), *_found(found, row)]
    # A cause is reported once.
    return list({note.code + note.text: note for note in notes}.values())


def _missing(row: RowState) -> list[Note]:
    has_input = row.has_request or row.input_text is not None
    has_output = row.has_response or row.output_text is not None
    if not (has_input or has_output):
        return [_nothing(row)]
    notes: list[Note] = []
    if not has_input:
        notes.append(Note("not_recorded", f"The sender recorded no request. To see it, {_capture(row)}."))
    elif not row.has_request:
        notes.append(_preview("request", "the last user message", row.input_text or ""))
    if not has_output:
        notes.append(_no_answer(row))
    elif not row.has_response and row.is_output_cut:
        notes.append(_preview("answer", "the text of the answer", row.output_text or ""))
    return notes


def _nothing(row: RowState) -> Note:
    if row.expired_before is not None:
        return Note(
            "expired",
            f"Retention has deleted the content of calls before {row.expired_before}. To keep content for"
            " longer, raise contentDays or maxMib of the project's retention policy.",
        )
    return Note("content_off", f"The sender recorded no content. To see it, {_capture(row)}.")


def _no_answer(row: RowState) -> Note:
    if row.is_error:
        return Note("not_recorded", "The call failed, so there is no answer; the row's error has the reason.")
    if row.operation == "embeddings":
        return Note("not_recorded", "The answer is a vector, which is not stored; use the provider's client.")
    return Note(
        "not_recorded",
        "The sender recorded no answer: the stream was closed early, or the capture of answers is off. To see"
        f" answers, read streams to their end and {_capture(row)}.",
    )


def _preview(body: str, shown: str, text: str) -> Note:
    cut = f", cut to {PREVIEW_CHARS} characters" if len(text) >= PREVIEW_CHARS else ""
    return Note(
        "truncated" if cut else "not_recorded",
        f"The {body} itself was not recorded; this is {shown}{cut}. To see the whole {body}, send it as"
        " content of the span.",
    )


def _found(found: Conversation, row: RowState) -> list[Note]:
    notes: list[Note] = []
    if found.has_sizes_only:
        notes.append(
            Note("content_off", f"The sender recorded only kinds and sizes. To see content, {_capture(row)}.")
        )
    if found.is_redacted:
        notes.append(
            Note(
                "redacted",
                "The sender replaced content before sending it. To see it, change the redaction, the masks or"
                " the scrubbing patterns of the sender.",
            )
        )
    if found.is_truncated:
        notes.append(
            Note(
                "truncated",
                "The sender cut long parts. To see them whole, raise its limit (part_limit of Pulse's"
                " instrumentation, 32 KiB by default).",
            )
        )
    if found.is_unreadable:
        notes.append(
            Note(
                "truncated",
                "A part is not complete JSON, mostly because the sender cut the attribute. Raise or unset"
                " OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT in the sender.",
            )
        )
    return notes


def _capture(row: RowState) -> str:
    return _CAPTURE.get(row.dialect or "", _ANY_CAPTURE)
