-- Kinds of work that wait until an operator lets them go on, as mail does after a restore.
CREATE TABLE held_work (
    kind TEXT PRIMARY KEY NOT NULL,
    reason TEXT NOT NULL,
    held_at INTEGER NOT NULL
) STRICT;
