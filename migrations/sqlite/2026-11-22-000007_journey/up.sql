-- The way of a project through the pillars: stays, steps and milestones.
CREATE TABLE stays (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    cohort_id BLOB REFERENCES cohorts (id),
    region TEXT,
    pillar TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    left_at INTEGER,
    left_by TEXT,
    held_seconds INTEGER NOT NULL,
    held_since INTEGER,
    target_days INTEGER NOT NULL
) STRICT;
CREATE INDEX stays_of_a_project ON stays (project_id, entered_at, id);
CREATE INDEX stays_of_a_cohort ON stays (cohort_id, pillar, project_id);
CREATE INDEX stays_of_a_region ON stays (region, pillar, project_id);

CREATE TABLE transitions (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    from_pillar TEXT,
    to_pillar TEXT,
    cohort_id BLOB REFERENCES cohorts (id),
    application_id BLOB,
    reason_code TEXT,
    reason TEXT,
    lesson TEXT,
    waivers TEXT NOT NULL,
    actor_id BLOB,
    at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX transitions_in_order ON transitions (project_id, number);
CREATE INDEX transitions_of_a_cohort ON transitions (cohort_id, kind);

CREATE TABLE milestones (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    stay_id BLOB NOT NULL REFERENCES stays (id),
    key TEXT,
    titles TEXT NOT NULL,
    due_on TEXT NOT NULL,
    required INTEGER NOT NULL,
    done_at INTEGER,
    done_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX milestones_of_a_stay ON milestones (stay_id, due_on);
CREATE INDEX milestones_of_a_project ON milestones (project_id, due_on, id);

-- What happened stays as it was told; a mistake is corrected by a further row.
CREATE TRIGGER transitions_are_never_changed BEFORE UPDATE ON transitions BEGIN SELECT RAISE(ABORT, 'transitions are append-only'); END;
CREATE TRIGGER transitions_are_never_removed BEFORE DELETE ON transitions BEGIN SELECT RAISE(ABORT, 'transitions are append-only'); END;
