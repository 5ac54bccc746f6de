-- People, the codes that prove their mailbox, and what they are allowed to do.
CREATE TABLE accounts (
    id BLOB PRIMARY KEY NOT NULL,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    verified_at INTEGER,
    disabled_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_by_age ON accounts (created_at, id);

CREATE TABLE one_time_codes (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    purpose TEXT NOT NULL,
    pending TEXT,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX one_time_codes_of_an_account ON one_time_codes (account_id, purpose, created_at);

CREATE TABLE grants (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    scope_kind TEXT NOT NULL,
    region TEXT,
    scope_id BLOB,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER,
    given_by BLOB,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_of_an_account ON grants (account_id);
CREATE INDEX grants_in_a_scope ON grants (scope_id, role);
CREATE INDEX grants_in_a_region ON grants (region, role);
