-- Blocks that rows referred to which are gone: parts of them may belong to nobody any more.

CREATE TABLE content_garbage (
    project INTEGER NOT NULL,
    week INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (project, week, block)
) STRICT, WITHOUT ROWID;
