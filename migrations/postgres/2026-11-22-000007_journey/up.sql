-- The way of a project through the pillars: stays, steps and milestones.
CREATE TABLE stays (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    cohort_id uuid REFERENCES cohorts (id),
    region text,
    pillar text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    left_by text,
    held_seconds bigint NOT NULL,
    held_since timestamptz,
    target_days integer NOT NULL
);
CREATE INDEX stays_of_a_project ON stays (project_id, entered_at, id);
CREATE INDEX stays_of_a_cohort ON stays (cohort_id, pillar, project_id);
CREATE INDEX stays_of_a_region ON stays (region, pillar, project_id);

CREATE TABLE transitions (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    number integer NOT NULL,
    kind text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    from_pillar text,
    to_pillar text,
    cohort_id uuid REFERENCES cohorts (id),
    application_id uuid,
    reason_code text,
    reason text,
    lesson text,
    waivers jsonb NOT NULL,
    actor_id uuid,
    at timestamptz NOT NULL
);
CREATE UNIQUE INDEX transitions_in_order ON transitions (project_id, number);
CREATE INDEX transitions_of_a_cohort ON transitions (cohort_id, kind);

CREATE TABLE milestones (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    stay_id uuid NOT NULL REFERENCES stays (id),
    key text,
    titles jsonb NOT NULL,
    due_on date NOT NULL,
    required boolean NOT NULL,
    done_at timestamptz,
    done_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX milestones_of_a_stay ON milestones (stay_id, due_on);
CREATE INDEX milestones_of_a_project ON milestones (project_id, due_on, id);

-- What happened stays as it was told; a mistake is corrected by a further row.
CREATE TRIGGER transitions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transitions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
