-- The prices of projects, and how far a repricing has come.

CREATE TABLE project_prices (
    project INTEGER PRIMARY KEY REFERENCES projects (key),
    -- JSON (`price_document`).
    document TEXT NOT NULL,
    updated_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE reprice_marks (
    project INTEGER PRIMARY KEY REFERENCES projects (key),
    -- Names the range and the prices.
    job TEXT NOT NULL,
    -- The id of the last row that is done.
    position BLOB NOT NULL,
    -- What was found so far, a JSON array.
    sums TEXT NOT NULL
) STRICT;
