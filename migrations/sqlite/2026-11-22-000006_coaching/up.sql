-- Who works for which project, and the reports on how it goes.
CREATE TABLE assignments (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    kind TEXT NOT NULL,
    pillar TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    assigned_by BLOB,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX assignments_open_once ON assignments (project_id, account_id, role) WHERE ended_at IS NULL;
CREATE INDEX assignments_of_a_project ON assignments (project_id, started_at, id);
CREATE INDEX assignments_of_an_account ON assignments (account_id, ended_at);

CREATE TABLE updates (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    stay_id BLOB,
    pillar TEXT,
    author_id BLOB NOT NULL REFERENCES accounts (id),
    author_role TEXT NOT NULL,
    note TEXT NOT NULL,
    confidence TEXT NOT NULL,
    blockers TEXT,
    next_step TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX updates_of_a_project ON updates (project_id, created_at, id);
CREATE INDEX updates_of_a_stay ON updates (stay_id, author_role);
