-- How many hours a coach may spend on a project; null where nobody set a limit.
ALTER TABLE assignments ADD COLUMN hours_budget integer;

-- Meetings of a coach with a project's team: booked, then held or cancelled.
CREATE TABLE coaching_sessions (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    coach_id uuid NOT NULL REFERENCES accounts (id),
    booked_by uuid NOT NULL REFERENCES accounts (id),
    state text NOT NULL,
    starts_at timestamptz NOT NULL,
    planned_minutes integer NOT NULL,
    place text,
    link text,
    agenda text NOT NULL,
    held_minutes integer,
    notes text,
    actions jsonb NOT NULL,
    private_notes text,
    cancel_reason text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX coaching_sessions_of_a_project ON coaching_sessions (project_id, starts_at, id);
CREATE INDEX coaching_sessions_of_a_project_by_change ON coaching_sessions (project_id, updated_at, id);
