-- Signed-in devices, their rotating tokens, failed sign-ins, and the keys of systems.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT
) STRICT;
CREATE INDEX sessions_of_an_account ON sessions (account_id, ended_at);

CREATE TABLE refresh_tokens (
    digest TEXT PRIMARY KEY NOT NULL,
    session_id BLOB NOT NULL REFERENCES sessions (id),
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    spent_at INTEGER
) STRICT;
CREATE INDEX refresh_tokens_of_a_session ON refresh_tokens (session_id);

CREATE TABLE sign_in_failures (
    id BLOB PRIMARY KEY NOT NULL,
    email_digest TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failures_of_an_address ON sign_in_failures (email_digest, at);

CREATE TABLE api_keys (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    scope_kind TEXT NOT NULL,
    region TEXT,
    scope_id BLOB,
    actions TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
