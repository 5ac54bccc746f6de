-- What people were told in the application itself.
CREATE TABLE notifications (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    event_seq bigint NOT NULL,
    kind text NOT NULL,
    template text NOT NULL,
    context jsonb NOT NULL,
    project_id uuid,
    is_read boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- Each person hears of one event once.
CREATE UNIQUE INDEX notifications_of_an_event ON notifications (event_seq, account_id);
CREATE INDEX notifications_of_an_account ON notifications (account_id, is_read, created_at, id);
