-- People, the codes that prove their mailbox, and what they are allowed to do.
CREATE TABLE accounts (
    id uuid PRIMARY KEY NOT NULL,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    language text NOT NULL,
    time_zone text NOT NULL,
    password_hash text NOT NULL,
    verified_at timestamptz,
    disabled_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX accounts_by_age ON accounts (created_at, id);

CREATE TABLE one_time_codes (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    purpose text NOT NULL,
    pending jsonb,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX one_time_codes_of_an_account ON one_time_codes (account_id, purpose, created_at);

CREATE TABLE grants (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    role text NOT NULL,
    scope_kind text NOT NULL,
    region text,
    scope_id uuid,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    given_by uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX grants_of_an_account ON grants (account_id);
CREATE INDEX grants_in_a_scope ON grants (scope_id, role);
CREATE INDEX grants_in_a_region ON grants (region, role);
