"""Read the bodies of OpenAI's decisions: questions about an input, answered by probabilities."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture, Part, dumps
from pulse_instrumentation.fields import Attributes, field, items
from pulse_instrumentation.readers.openai_responses import (
    failure,
    request_attributes,
    request_content,
    response_attributes,
)
from pulse_instrumentation.readers.operations import Body, Operation


def decision_request(body: Body) -> Attributes:
    """Return the attributes of a decision request. Its input has the form of the Responses API."""
    return {**request_attributes(body), names.OPENAI_API_TYPE: "decisions"}


def decision_request_content(body: Body, capture: Capture) -> Attributes:
    """Return the input as messages, and the questions as system instructions."""
    attributes = request_content(body, capture)
    questions = [_part(question, "question", capture) for question in items(body.get("questions"))]
    if questions:
        attributes[names.SYSTEM_INSTRUCTIONS] = dumps(questions)
    return attributes


def decision_content(response: object, capture: Capture) -> Attributes:
    """Return the answers as output messages, in the order of the questions."""
    parts = [_part(answer, "answer", capture) for answer in items(field(response, "answers"))]
    if not parts:
        return {}
    message: Part = {"role": "assistant", "parts": parts}
    return {names.OUTPUT_MESSAGES: dumps([message])}


def _part(value: object, kind: str, capture: Capture) -> Part:
    part: Part = {"type": kind}
    capture.put_value(part, "content", value)
    return part


DECISION = Operation(
    # The operation name of the conventions for calls that are neither chat nor text completion.
    name="generate_content",
    request=decision_request,
    response=response_attributes,
    request_content=decision_request_content,
    response_content=decision_content,
    failure=failure,
)
