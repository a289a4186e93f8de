-- How long a project's data is kept, and how far it has been dropped by now.

CREATE TABLE retention (
    project INTEGER PRIMARY KEY REFERENCES projects (key),
    -- A JSON object; NULL where the settings of the server decide.
    policy TEXT,
    -- Rows with smaller ids are no longer kept, but for those that the policy keeps.
    rows_from BLOB NOT NULL DEFAULT x'',
    -- The same for content.
    content_from BLOB NOT NULL DEFAULT x''
) STRICT;

-- Work that one process does at a time: whoever holds it says so again before the time is over.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE erasures (
    id TEXT PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES projects (key),
    -- `user_id` or `session_id`.
    subject TEXT NOT NULL,
    -- Whose data is erased; NULL as soon as it is.
    value TEXT,
    requested_ns INTEGER NOT NULL,
    finished_ns INTEGER,
    -- What has been erased by now.
    erased_rows INTEGER NOT NULL DEFAULT 0,
    erased_calls INTEGER NOT NULL DEFAULT 0,
    erased_events INTEGER NOT NULL DEFAULT 0,
    erased_tokens INTEGER NOT NULL DEFAULT 0,
    erased_cost_nano_usd INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX erasures_by_project ON erasures (project, requested_ns);

CREATE INDEX span_events_by_time ON span_events (project, time_ns);
