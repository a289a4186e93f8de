"""Dify, in the format for Alibaba Cloud and Tencent Cloud: kinds under `gen_ai.span.kind`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.openinference import DIALECT as OPENINFERENCE
from pulse_collector.dialects.openinference import read as read_openinference
from pulse_collector.facts.span_facts import SpanFacts

_INPUTS = ("gen_ai.entity.input", "retrieval.query", "tool.parameters")
_OUTPUTS = ("gen_ai.entity.output", "retrieval.document")


def read(facts: SpanFacts) -> None:
    """Set input and output from the first of their three names that exists."""
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)
    read_openinference(facts)


DIALECT = Dialect(
    name="dify",
    scopes=("dify-sdk", "dify"),
    markers=("gen_ai.entity.", "gen_ai.framework", "gen_ai.prompt_template."),
    kind_key="gen_ai.span.kind",
    kinds={
        **OPENINFERENCE.kinds,
        "WORKFLOW": "invoke_workflow",
        "GENERATION": "chat",
        "TASK": "task",
        "ENTRY": "invoke_workflow",
        "STEP": "agent_step",
    },
    texts={
        "provider": ("gen_ai.provider.name", "gen_ai.provider", "gen_ai.system"),
        "model_requested": ("gen_ai.request.model", "gen_ai.model_name"),
        "session_id": ("gen_ai.session.id", "gen_ai.conversation.id", "session.id"),
        "user_id": ("gen_ai.user.id", "user.id"),
    },
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "gen_ai.prompt_template.template",
        "gen_ai.prompt_template.variable",
        "gen_ai.prompt_template.variables",
    ),
    read=read,
    extends=OPENINFERENCE,
)
