-- Content that comes as log events beside a span: each part once, and what all parts of a span come to.

CREATE TABLE span_events (
    project INTEGER NOT NULL,
    otel_trace_id BLOB NOT NULL,
    otel_span_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    time_ns INTEGER NOT NULL,
    -- Among parts of the same time.
    rank INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- A JSON object, packed.
    document BLOB NOT NULL,
    PRIMARY KEY (project, otel_trace_id, otel_span_id, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE span_event_contents (
    project INTEGER NOT NULL,
    otel_trace_id BLOB NOT NULL,
    otel_span_id BLOB NOT NULL,
    -- What `output_from`, `request_from` and `response_from` of rows name.
    id BLOB NOT NULL,
    finish_reason TEXT,
    input_preview TEXT,
    output_preview TEXT,
    output_text BLOB,
    request_body BLOB,
    response_body BLOB,
    PRIMARY KEY (project, otel_trace_id, otel_span_id)
) STRICT;

CREATE UNIQUE INDEX span_event_contents_by_id ON span_event_contents (project, id);
