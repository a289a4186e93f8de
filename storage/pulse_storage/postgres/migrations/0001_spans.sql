-- One row per span, bodies apart so that lists and sums never touch them, and rollups kept in the same
-- transaction as the rows. The row id begins with its time, so partitions by ranges of ids are partitions by
-- time, a look-up by id goes to one of them, and lists in the order of ids walk them one after the other.
-- Texts are compared by their bytes: an upgrade of the system's locales must not break an index.

CREATE TABLE projects (
    key bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    created_ns bigint NOT NULL
);

CREATE TABLE api_keys (
    rowid bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" PRIMARY KEY,
    project bigint NOT NULL REFERENCES projects (key),
    digest bytea NOT NULL UNIQUE,
    hint text NOT NULL,
    -- Space-separated.
    scopes text NOT NULL,
    created_ns bigint NOT NULL,
    last_used_ns bigint,
    expires_ns bigint,
    revoked_ns bigint
);

CREATE INDEX api_keys_by_project ON api_keys (project, created_ns);

-- The combinations of facts by which counted rows are summed.
CREATE TABLE usage_keys (
    key bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    project bigint NOT NULL,
    provider text COLLATE "C",
    model_requested text COLLATE "C",
    model_used text COLLATE "C",
    operation text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    -- Counted rows, of all times.
    calls bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE INDEX usage_keys_by_project ON usage_keys (project);

-- Columns hold what readers see. Where other spans of the call or trace complete the row, `own` keeps what
-- the span said itself (a JSON object by column), and the `_from` columns name the row whose texts to show.
CREATE TABLE spans (
    project bigint NOT NULL,
    start_ns bigint NOT NULL,
    -- `latency.latency_bucket` of latency_ms.
    latency_ms double precision,
    -- Set where the row is the one that counts for its call.
    usage_key bigint,
    input_tokens bigint,
    output_tokens bigint,
    cost_nano_usd bigint,
    latency_bucket integer,
    model_call boolean NOT NULL,
    gen_ai boolean NOT NULL,
    has_output_text boolean NOT NULL,
    has_request_body boolean NOT NULL,
    has_response_body boolean NOT NULL,
    id bytea NOT NULL,
    otel_trace_id bytea NOT NULL,
    otel_span_id bytea NOT NULL,
    parent_span_id bytea,
    operation text COLLATE "C",
    name text COLLATE "C" NOT NULL,
    provider text COLLATE "C",
    model_requested text COLLATE "C",
    model_used text COLLATE "C",
    provider_request_id text COLLATE "C",
    dialect text COLLATE "C",
    scope text COLLATE "C",
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    cache_write_1h_tokens bigint,
    reasoning_tokens bigint,
    input_audio_tokens bigint,
    input_image_tokens bigint,
    output_audio_tokens bigint,
    output_image_tokens bigint,
    usage_source text COLLATE "C",
    cost_source text COLLATE "C",
    price_version text COLLATE "C",
    -- What the span says of its cost.
    reported_cost_nano_usd bigint,
    estimated_cost_nano_usd bigint,
    status text COLLATE "C" NOT NULL,
    error_type text COLLATE "C",
    error_message text COLLATE "C",
    finish_reason text COLLATE "C",
    time_to_first_token_ms double precision,
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    -- A JSON array; NULL when empty.
    tags text COLLATE "C",
    service text COLLATE "C",
    environment text COLLATE "C",
    release text COLLATE "C",
    partner_key text COLLATE "C",
    output_from bytea,
    request_from bytea,
    response_from bytea,
    own text COLLATE "C",
    input_preview text COLLATE "C",
    output_preview text COLLATE "C",
    metadata text COLLATE "C",
    PRIMARY KEY (project, id)
) PARTITION BY RANGE (id);

-- Unique within a trace by the locks that writers take, since an index of partitions cannot see to it.
CREATE INDEX spans_by_trace ON spans (project, otel_trace_id, otel_span_id);
-- Before spans_counted: of indexes that seem to cost the same, as those of a partition that is still empty, the
-- planner takes the newer one, and this has the order of ids within a usage key only.
CREATE INDEX spans_by_usage_key ON spans (project, usage_key, id) WHERE usage_key IS NOT NULL;
CREATE INDEX spans_counted ON spans (project, id) INCLUDE (usage_key, latency_bucket)
WHERE usage_key IS NOT NULL;
CREATE INDEX spans_by_session ON spans (project, session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX spans_by_user ON spans (project, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX spans_failed ON spans (project, id) WHERE status = 'error';
CREATE INDEX spans_by_partner ON spans (project, partner_key, start_ns) WHERE partner_key IS NOT NULL;
-- Finds what is below a span, for traces that are too large to be read as a whole.
CREATE INDEX spans_by_parent ON spans (project, otel_trace_id, parent_span_id, otel_span_id)
WHERE parent_span_id IS NOT NULL;

CREATE TABLE span_bodies (
    project bigint NOT NULL,
    id bytea NOT NULL,
    output_text bytea,
    request_body bytea,
    response_body bytea,
    PRIMARY KEY (project, id)
) PARTITION BY RANGE (id);

-- They are packed: the server shall not try to compress them again. Partitions take this from their table.
ALTER TABLE span_bodies
ALTER COLUMN output_text SET STORAGE EXTERNAL,
ALTER COLUMN request_body SET STORAGE EXTERNAL,
ALTER COLUMN response_body SET STORAGE EXTERNAL;

-- Pulse cuts partitions off these; what is of another time lies in what remains.
CREATE TABLE spans_future PARTITION OF spans FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE span_bodies_future PARTITION OF span_bodies FOR VALUES FROM (MINVALUE) TO (MAXVALUE);

CREATE TABLE rollup_hour (
    project bigint NOT NULL,
    -- Hours since 1970.
    hour bigint NOT NULL,
    usage_key bigint NOT NULL,
    calls bigint NOT NULL,
    latency_calls bigint NOT NULL,
    latency_sum_us bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_nano_usd bigint NOT NULL,
    -- Calls that used tokens but have no cost.
    unpriced bigint NOT NULL,
    PRIMARY KEY (project, hour, usage_key)
) WITH (fillfactor = 70);

CREATE TABLE latency_day (
    project bigint NOT NULL,
    -- Days since 1970.
    day bigint NOT NULL,
    bucket integer NOT NULL,
    usage_key bigint NOT NULL,
    calls bigint NOT NULL,
    PRIMARY KEY (project, day, bucket, usage_key)
) WITH (fillfactor = 70);

-- Content that comes as log events beside a span: each part once, and what all parts of a span come to.
CREATE TABLE span_events (
    project bigint NOT NULL,
    otel_trace_id bytea NOT NULL,
    otel_span_id bytea NOT NULL,
    digest bytea NOT NULL,
    time_ns bigint NOT NULL,
    -- Among parts of the same time.
    rank bigint NOT NULL,
    name text NOT NULL,
    -- A JSON object, packed.
    document bytea NOT NULL,
    PRIMARY KEY (project, otel_trace_id, otel_span_id, digest)
);

CREATE TABLE span_event_contents (
    project bigint NOT NULL,
    otel_trace_id bytea NOT NULL,
    otel_span_id bytea NOT NULL,
    -- What `output_from`, `request_from` and `response_from` of rows name.
    id bytea NOT NULL,
    finish_reason text,
    input_preview text,
    output_preview text,
    output_text bytea,
    request_body bytea,
    response_body bytea,
    PRIMARY KEY (project, otel_trace_id, otel_span_id),
    UNIQUE (project, id)
);

ALTER TABLE span_events ALTER COLUMN document SET STORAGE EXTERNAL;
ALTER TABLE span_event_contents
ALTER COLUMN output_text SET STORAGE EXTERNAL,
ALTER COLUMN request_body SET STORAGE EXTERNAL,
ALTER COLUMN response_body SET STORAGE EXTERNAL;

CREATE INDEX span_events_by_time ON span_events (project, time_ns);

-- Stretches of request documents that other documents have too, each stored once a project and week.
CREATE TABLE content_blocks (
    id bigint PRIMARY KEY,
    project bigint NOT NULL,
    -- Weeks since Monday 1970-01-05 of the start of the spans that refer to it, and with which it goes.
    week bigint NOT NULL,
    -- New parts of one document, packed with zstd.
    packed bytea NOT NULL
);

ALTER TABLE content_blocks ALTER COLUMN packed SET STORAGE EXTERNAL;

CREATE INDEX content_blocks_by_week ON content_blocks (project, week);

-- Whoever takes a number has it and the 99 that follow.
CREATE SEQUENCE content_block_ids AS bigint INCREMENT BY 100;

-- Where later documents find a part; without its entry a part is stored anew, and nothing is lost.
CREATE TABLE content_parts (
    project bigint NOT NULL,
    week bigint NOT NULL,
    digest bytea NOT NULL,
    block bigint NOT NULL,
    start bigint NOT NULL,
    length bigint NOT NULL,
    PRIMARY KEY (project, week, digest)
);

-- Blocks that rows referred to which are gone: parts of them may belong to nobody any more.
CREATE TABLE content_garbage (
    project bigint NOT NULL,
    week bigint NOT NULL,
    block bigint NOT NULL,
    PRIMARY KEY (project, week, block)
);

-- The prices of projects, and how far a repricing has come.
CREATE TABLE project_prices (
    project bigint PRIMARY KEY REFERENCES projects (key),
    -- JSON (`price_document`).
    document text NOT NULL,
    updated_ns bigint NOT NULL
);

CREATE TABLE reprice_marks (
    project bigint PRIMARY KEY REFERENCES projects (key),
    -- Names the range and the prices.
    job text NOT NULL,
    -- The id of the last row that is done.
    position bytea NOT NULL,
    -- What was found so far, a JSON array.
    sums text NOT NULL
);

-- How long a project's data is kept, and how far it has been dropped by now.
CREATE TABLE retention (
    project bigint PRIMARY KEY REFERENCES projects (key),
    -- A JSON object; NULL where the settings of the server decide.
    policy text,
    -- Rows with smaller ids are no longer kept, but for those that the policy keeps.
    rows_from bytea NOT NULL DEFAULT '',
    -- The same for content.
    content_from bytea NOT NULL DEFAULT ''
);

-- Work that one process does at a time: whoever holds it says so again before the time is over.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    until_ns bigint NOT NULL
);

CREATE TABLE erasures (
    id text COLLATE "C" PRIMARY KEY,
    project bigint NOT NULL REFERENCES projects (key),
    -- `user_id` or `session_id`.
    subject text NOT NULL,
    -- Whose data is erased; NULL as soon as it is.
    value text,
    requested_ns bigint NOT NULL,
    finished_ns bigint,
    -- What has been erased by now.
    erased_rows bigint NOT NULL DEFAULT 0,
    erased_calls bigint NOT NULL DEFAULT 0,
    erased_events bigint NOT NULL DEFAULT 0,
    erased_tokens bigint NOT NULL DEFAULT 0,
    erased_cost_nano_usd bigint NOT NULL DEFAULT 0
);

CREATE INDEX erasures_by_project ON erasures (project, requested_ns);

-- One row, written to learn whether the store takes writes.
CREATE TABLE store_check (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    checked_ns bigint NOT NULL
);

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
GROUP BY projects.id, session_id;

-- For people who query the database directly. Bodies are packed with zstd, so they are not shown here.
CREATE VIEW traces AS
SELECT
    encode(CASE dialect WHEN 'pulse-batch' THEN otel_trace_id ELSE spans.id END, 'hex')::uuid AS trace_id,
    projects.id AS project_id,
    session_id,
    timestamptz '1970-01-01 00:00:00+00' + floor(start_ns / 1000.0) * interval '1 microsecond' AS "timestamp",
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
    CASE WHEN status = 'error' THEN json_build_object('type', error_type, 'message', error_message) END AS error,
    cost_nano_usd / 1e7 AS cost_cents,
    metadata,
    operation,
    spans.name,
    usage_key IS NOT NULL AS counted
FROM spans INNER JOIN projects ON projects.key = spans.project
WHERE model_call;
