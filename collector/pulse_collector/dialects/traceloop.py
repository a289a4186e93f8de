"""Traceloop's SDK: the workflows, tasks, agents and tools around calls that OpenLLMetry records."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.openllmetry import DIALECT as OPENLLMETRY
from pulse_collector.dialects.openllmetry import read

DIALECT = Dialect(
    name="traceloop",
    scopes=("traceloop", "@traceloop"),
    markers=("traceloop.",),
    kind_key="traceloop.span.kind",
    kinds={
        "workflow": "invoke_workflow",
        "task": "task",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "unknown": "span",
    },
    read=read,
    extends=OPENLLMETRY,
)
