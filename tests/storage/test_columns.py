"""The columns of a row, which SQL, JSON and the OpenAPI document derive from `SpanRow` and `TraceRecord`."""

from __future__ import annotations

from pulse_storage.reconciliation.skeletons import OVERRIDABLE, Skeleton
from pulse_storage.rows import Column, SpanRow, TraceRecord, columns_of


def test_types_follow_annotations() -> None:
    columns = columns_of(SpanRow)
    names = ("otel_trace_id", "latency_ms", "model_call", "tags", "usage_source", "status", "request_body")
    assert [columns[name] for name in names] == [
        Column(bytes, False),
        Column(float, True),
        Column(bool, False),
        Column(tuple, False),
        Column(str, True),
        Column(str, False),
        Column(bytes, True),
    ]


def test_skeleton_and_record_have_the_types_of_the_span_row() -> None:
    columns = columns_of(SpanRow)
    for row in (Skeleton, TraceRecord):
        shared = {name: column for name, column in columns_of(row).items() if name in columns}
        # Stored compressed as bytes; readers get a text.
        shared.pop("output_text", None)
        assert shared == {name: columns[name] for name in shared}


def test_overridable_columns_are_columns_of_a_row() -> None:
    assert set(OVERRIDABLE) < set(SpanRow._fields)
    assert not {"otel_span_id", "start_ns", "model_call"} & set(OVERRIDABLE)
