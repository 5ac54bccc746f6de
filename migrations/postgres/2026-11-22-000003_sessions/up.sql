-- Signed-in devices, their rotating tokens, failed sign-ins, and the keys of systems.
CREATE TABLE sessions (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text
);
CREATE INDEX sessions_of_an_account ON sessions (account_id, ended_at);

CREATE TABLE refresh_tokens (
    digest text PRIMARY KEY NOT NULL,
    session_id uuid NOT NULL REFERENCES sessions (id),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at timestamptz
);
CREATE INDEX refresh_tokens_of_a_session ON refresh_tokens (session_id);

CREATE TABLE sign_in_failures (
    id uuid PRIMARY KEY NOT NULL,
    email_digest text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_of_an_address ON sign_in_failures (email_digest, at);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY NOT NULL,
    name text NOT NULL,
    digest text NOT NULL UNIQUE,
    role text NOT NULL,
    scope_kind text NOT NULL,
    region text,
    scope_id uuid,
    actions jsonb NOT NULL,
    created_by uuid NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    version bigint NOT NULL
);
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
