-- Sessions of browsers, the keys that they were given, and the one-time tokens that begin them. Digests only.

CREATE TABLE web_sessions (
    digest BLOB PRIMARY KEY,
    reads_all INTEGER NOT NULL,
    admin_until_ns INTEGER,
    admin_proof BLOB,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    last_used_ns INTEGER
) STRICT;

CREATE TABLE web_session_keys (
    session BLOB NOT NULL,
    -- api_keys.id
    key TEXT NOT NULL,
    PRIMARY KEY (session, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX web_session_keys_by_key ON web_session_keys (key);

CREATE TABLE sign_in_tokens (
    digest BLOB PRIMARY KEY,
    is_admin INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL
) STRICT;
