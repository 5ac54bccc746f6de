-- Kinds of work that wait until an operator lets them go on, as mail does after a restore.
CREATE TABLE held_work (
    kind text PRIMARY KEY NOT NULL,
    reason text NOT NULL,
    held_at timestamptz NOT NULL
);
