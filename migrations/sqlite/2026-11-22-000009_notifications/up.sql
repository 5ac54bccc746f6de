-- What people were told in the application itself.
CREATE TABLE notifications (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    event_seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    template TEXT NOT NULL,
    context TEXT NOT NULL,
    project_id BLOB,
    is_read INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- Each person hears of one event once.
CREATE UNIQUE INDEX notifications_of_an_event ON notifications (event_seq, account_id);
CREATE INDEX notifications_of_an_account ON notifications (account_id, is_read, created_at, id);
