-- Who works for which project, and the reports on how it goes.
CREATE TABLE assignments (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    account_id uuid NOT NULL REFERENCES accounts (id),
    role text NOT NULL,
    kind text NOT NULL,
    pillar text,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    assigned_by uuid,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX assignments_open_once ON assignments (project_id, account_id, role) WHERE ended_at IS NULL;
CREATE INDEX assignments_of_a_project ON assignments (project_id, started_at, id);
CREATE INDEX assignments_of_an_account ON assignments (account_id, ended_at);

CREATE TABLE updates (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    stay_id uuid,
    pillar text,
    author_id uuid NOT NULL REFERENCES accounts (id),
    author_role text NOT NULL,
    note text NOT NULL,
    confidence text NOT NULL,
    blockers text,
    next_step text,
    created_at timestamptz NOT NULL
);
CREATE INDEX updates_of_a_project ON updates (project_id, created_at, id);
CREATE INDEX updates_of_a_stay ON updates (stay_id, author_role);
