-- One row per span, bodies apart so that lists and sums never touch them, and rollups kept in the same
-- transaction as the rows.

CREATE TABLE projects (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES projects (key),
    digest BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    -- Space-separated.
    scopes TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    last_used_ns INTEGER,
    expires_ns INTEGER,
    revoked_ns INTEGER
) STRICT;

CREATE INDEX api_keys_by_project ON api_keys (project, created_ns);

-- The combinations of facts by which counted rows are summed.
CREATE TABLE usage_keys (
    key INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    provider TEXT,
    model_requested TEXT,
    model_used TEXT,
    operation TEXT,
    status TEXT NOT NULL,
    -- Counted rows, of all times.
    calls INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX usage_keys_by_facts
ON usage_keys (project, provider, model_requested, model_used, operation, status);

-- Columns hold what readers see. Where other spans of the call or trace complete the row, `own` keeps what
-- the span said itself (a JSON object by column), and the `_from` columns name the row whose texts to show.
CREATE TABLE spans (
    seq INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    id BLOB NOT NULL,
    otel_trace_id BLOB NOT NULL,
    otel_span_id BLOB NOT NULL,
    parent_span_id BLOB,
    start_ns INTEGER NOT NULL,
    latency_ms REAL,
    -- `latency.latency_bucket` of latency_ms.
    latency_bucket INTEGER,
    -- Set where the row is the one that counts for its call.
    usage_key INTEGER,
    model_call INTEGER NOT NULL,
    gen_ai INTEGER NOT NULL,
    operation TEXT,
    name TEXT NOT NULL,
    provider TEXT,
    model_requested TEXT,
    model_used TEXT,
    provider_request_id TEXT,
    dialect TEXT,
    scope TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    usage_source TEXT,
    cost_nano_usd INTEGER,
    cost_source TEXT,
    price_version TEXT,
    status TEXT NOT NULL,
    error_type TEXT,
    error_message TEXT,
    finish_reason TEXT,
    time_to_first_token_ms REAL,
    session_id TEXT,
    user_id TEXT,
    -- A JSON array; NULL when empty.
    tags TEXT,
    service TEXT,
    environment TEXT,
    release TEXT,
    partner_key TEXT,
    has_output_text INTEGER NOT NULL,
    has_request_body INTEGER NOT NULL,
    has_response_body INTEGER NOT NULL,
    output_from BLOB,
    request_from BLOB,
    response_from BLOB,
    own TEXT,
    input_preview TEXT,
    output_preview TEXT,
    metadata TEXT
) STRICT;

CREATE UNIQUE INDEX spans_by_id ON spans (project, id);
CREATE UNIQUE INDEX spans_by_trace ON spans (project, otel_trace_id, otel_span_id);
CREATE INDEX spans_counted ON spans (project, id, usage_key, latency_bucket) WHERE usage_key IS NOT NULL;
CREATE INDEX spans_by_session ON spans (project, session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX spans_by_user ON spans (project, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX spans_failed ON spans (project, id) WHERE status = 'error';
CREATE INDEX spans_by_partner ON spans (project, partner_key, start_ns) WHERE partner_key IS NOT NULL;

-- The output text comes first: reading it must not walk the pages of the bodies behind it.
CREATE TABLE span_bodies (
    seq INTEGER PRIMARY KEY REFERENCES spans (seq),
    output_text BLOB,
    request_body BLOB,
    response_body BLOB
) STRICT;

CREATE TABLE rollup_hour (
    project INTEGER NOT NULL,
    -- Hours since 1970.
    hour INTEGER NOT NULL,
    usage_key INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    latency_calls INTEGER NOT NULL,
    latency_sum_us INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    -- Calls that used tokens but have no cost.
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (project, hour, usage_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency_day (
    project INTEGER NOT NULL,
    -- Days since 1970.
    day INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    usage_key INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (project, day, bucket, usage_key)
) STRICT, WITHOUT ROWID;

-- One row, written to learn whether the store takes writes.
CREATE TABLE store_check (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    checked_ns INTEGER NOT NULL
) STRICT;

INSERT INTO store_check VALUES (1, 0);

CREATE VIEW sessions AS
SELECT
    projects.id AS project_id,
    session_id AS id,
    min(start_ns) AS first_seen_ns,
    max(start_ns) AS last_seen_ns,
    count(*) AS spans,
    count(usage_key) AS calls
FROM spans INNER JOIN projects ON projects.key = spans.project
WHERE session_id IS NOT NULL
GROUP BY project, session_id;

-- For people who query the file directly. Bodies are packed with zstd, so they are not shown here.
CREATE VIEW traces AS
SELECT
    CASE dialect WHEN 'pulse-batch' THEN
        lower(format('%s-%s-%s-%s-%s', substr(hex(otel_trace_id), 1, 8), substr(hex(otel_trace_id), 9, 4),
            substr(hex(otel_trace_id), 13, 4), substr(hex(otel_trace_id), 17, 4), substr(hex(otel_trace_id), 21)))
    ELSE
        lower(format('%s-%s-%s-%s-%s', substr(hex(spans.id), 1, 8), substr(hex(spans.id), 9, 4),
            substr(hex(spans.id), 13, 4), substr(hex(spans.id), 17, 4), substr(hex(spans.id), 21)))
    END AS trace_id,
    projects.id AS project_id,
    session_id,
    strftime('%Y-%m-%dT%H:%M:%S', (start_ns - ((start_ns % 1000000000) + 1000000000) % 1000000000) / 1000000000,
        'unixepoch')
    || format('.%06dZ', (((start_ns % 1000000000) + 1000000000) % 1000000000) / 1000) AS timestamp,
    latency_ms,
    provider,
    model_requested,
    model_used,
    provider_request_id,
    input_tokens,
    output_tokens,
    output_preview AS output_text,
    finish_reason,
    status,
    CASE WHEN status = 'error' THEN json_object('type', error_type, 'message', error_message) END AS error,
    cost_nano_usd / 1e7 AS cost_cents,
    metadata,
    operation,
    spans.name,
    usage_key IS NOT NULL AS counted
FROM spans INNER JOIN projects ON projects.key = spans.project
WHERE model_call;
