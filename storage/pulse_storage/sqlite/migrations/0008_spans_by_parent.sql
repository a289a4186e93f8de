-- Finds what is below a span, for traces that are too large to be read as a whole.
CREATE INDEX spans_by_parent ON spans (project, otel_trace_id, parent_span_id, otel_span_id)
WHERE parent_span_id IS NOT NULL;
