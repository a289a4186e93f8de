"""Laminar: spans with input and output in one attribute each, and association properties."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.openllmetry import DIALECT as OPENLLMETRY
from pulse_collector.dialects.openllmetry import read as read_openllmetry
from pulse_collector.facts.json_text import Json, parse_json
from pulse_collector.facts.span_facts import SpanFacts

_INPUTS = ("lmnr.span.input",)
_OUTPUTS = ("lmnr.span.output",)
_PROPERTIES = "lmnr.association.properties."


def read(facts: SpanFacts) -> None:
    """Set content as OpenLLMetry writes it, from which Laminar is derived, then Laminar's own."""
    for name, value in facts.custom.items():
        facts.custom[name] = _parsed(value)
    read_openllmetry(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


def _parsed(value: Json) -> Json:
    if isinstance(value, str) and value[:1] in ("{", "["):
        parsed = parse_json(value)
        return value if parsed is None else parsed
    return value


DIALECT = Dialect(
    name="laminar",
    scopes=("lmnr", "lmnr.tracer", "@lmnr-ai"),
    markers=("lmnr.",),
    kind_key="lmnr.span.type",
    kinds={
        "LLM": "chat",
        "TOOL": "execute_tool",
        "DEFAULT": "span",
        "EXECUTOR": "task",
        "EVALUATION": "evaluator",
        "EVALUATOR": "evaluator",
        "HUMAN_EVALUATOR": "evaluator",
        "PIPELINE": "invoke_workflow",
        "EVENT": "event",
        # A response from Laminar's cache: no model was called.
        "CACHED": "cached",
    },
    texts={
        "session_id": (_PROPERTIES + "session_id",),
        "user_id": (_PROPERTIES + "user_id",),
        "environment": (_PROPERTIES + "metadata.environment",),
    },
    tags=(_PROPERTIES + "tags", "lmnr.span.tags"),
    content=(*_INPUTS, *_OUTPUTS),
    noise=(
        "lmnr.span.path",
        "lmnr.span.ids_path",
        "lmnr.span.instrumentation_source",
        "lmnr.span.instrumentation_scope.name",
        "lmnr.span.instrumentation_scope.version",
        "lmnr.span.sdk_version",
        "lmnr.span.language_version",
        "lmnr.internal.override_parent_span",
    ),
    custom_prefixes=(_PROPERTIES + "metadata.", _PROPERTIES),
    read=read,
    extends=OPENLLMETRY,
)
