"""Traceloop's SDK: the workflows, tasks, agents and tools around the calls that OpenLLMetry records."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.openllmetry import DIALECT as OPENLLMETRY
from pulse_collector.dialects.openllmetry import read as read_openllmetry
from pulse_collector.mapping.content import content_of, document_body
from pulse_collector.mapping.span_facts import SpanFacts


def read(facts: SpanFacts) -> None:
    """Read what went into the entity and what came out of it."""
    read_openllmetry(facts)
    entered = content_of(facts.attributes.get("traceloop.entity.input"))
    if facts.request is None and entered is not None:
        facts.request = document_body(entered, "input")
    left = content_of(facts.attributes.get("traceloop.entity.output"))
    if facts.response is None and left is not None:
        facts.response = document_body(left, "output")


DIALECT = Dialect(
    name="traceloop",
    scopes=("traceloop",),
    markers=("traceloop.",),
    kind_key="traceloop.span.kind",
    kinds={
        "workflow": "invoke_workflow",
        "task": "task",
        "agent": "invoke_agent",
        "tool": "execute_tool",
    },
    content=("traceloop.entity.input", "traceloop.entity.output"),
    read=read,
    extends=OPENLLMETRY,
)
