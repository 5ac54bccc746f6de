-- How many hours a coach may spend on a project; null where nobody set a limit.
ALTER TABLE assignments ADD COLUMN hours_budget INTEGER;

-- Meetings of a coach with a project's team: booked, then held or cancelled.
CREATE TABLE coaching_sessions (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    coach_id BLOB NOT NULL REFERENCES accounts (id),
    booked_by BLOB NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    planned_minutes INTEGER NOT NULL,
    place TEXT,
    link TEXT,
    agenda TEXT NOT NULL,
    held_minutes INTEGER,
    notes TEXT,
    actions TEXT NOT NULL,
    private_notes TEXT,
    cancel_reason TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX coaching_sessions_of_a_project ON coaching_sessions (project_id, starts_at, id);
CREATE INDEX coaching_sessions_of_a_project_by_change ON coaching_sessions (project_id, updated_at, id);
