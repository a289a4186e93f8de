-- Stretches of request documents that other documents have too, each stored once a project and week.

CREATE TABLE content_blocks (
    id INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    -- Weeks since Monday 1970-01-05 of the start of the spans that refer to it, and with which it goes.
    week INTEGER NOT NULL,
    -- New parts of one document, packed with zstd.
    packed BLOB NOT NULL
) STRICT;

CREATE INDEX content_blocks_by_week ON content_blocks (project, week);

-- Where later documents find a part; without its entry a part is stored anew, and nothing is lost.
CREATE TABLE content_parts (
    project INTEGER NOT NULL,
    week INTEGER NOT NULL,
    digest BLOB NOT NULL,
    block INTEGER NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (project, week, digest)
) STRICT, WITHOUT ROWID;
