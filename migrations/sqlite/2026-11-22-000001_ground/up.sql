-- The ledger, the work queue, outgoing mail, and the answers kept for repeated requests.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    project_id BLOB,
    region TEXT,
    request_id TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_a_project ON events (project_id, seq);
CREATE INDEX events_of_a_region ON events (region, seq);
CREATE INDEX events_of_a_subject ON events (subject_id, seq);

CREATE TABLE jobs (
    id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    lease_until INTEGER,
    leased_by TEXT,
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_that_wait ON jobs (state, run_at);

CREATE TABLE mails (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL,
    event_seq INTEGER,
    template TEXT NOT NULL,
    context TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    expires_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
-- Each person hears of one event once.
CREATE UNIQUE INDEX mails_of_an_event ON mails (event_seq, account_id) WHERE event_seq IS NOT NULL;
CREATE INDEX mails_by_state ON mails (state, created_at, id);

CREATE TABLE idempotency_keys (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reply TEXT NOT NULL,
    sealed TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- What happened stays as it was told; a mistake is corrected by a further row.
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
