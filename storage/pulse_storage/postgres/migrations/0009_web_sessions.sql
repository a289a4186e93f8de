-- Sessions of browsers, the keys that they were given, and the one-time tokens that begin them. Digests only.

CREATE TABLE web_sessions (
    digest bytea PRIMARY KEY,
    reads_all bigint NOT NULL,
    admin_until_ns bigint,
    admin_proof bytea,
    created_ns bigint NOT NULL,
    expires_ns bigint NOT NULL,
    last_used_ns bigint
);

CREATE TABLE web_session_keys (
    session bytea NOT NULL,
    -- api_keys.id
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (session, key)
);

CREATE INDEX web_session_keys_by_key ON web_session_keys (key);

CREATE TABLE sign_in_tokens (
    digest bytea PRIMARY KEY,
    is_admin bigint NOT NULL,
    expires_ns bigint NOT NULL
);
