-- Projects answering calls, from draft to decision.
CREATE TABLE applications (
    id uuid PRIMARY KEY NOT NULL,
    reference text COLLATE "C" NOT NULL UNIQUE,
    project_id uuid NOT NULL REFERENCES projects (id),
    call_id uuid NOT NULL REFERENCES calls (id),
    state text NOT NULL,
    answers jsonb NOT NULL,
    region text,
    cohort_id uuid REFERENCES cohorts (id),
    pillar text,
    feedback text,
    override_reason text,
    frozen jsonb,
    content_sha256 text,
    submitted_at timestamptz,
    decided_at timestamptz,
    decided_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- A project answers a call once; an application that was withdrawn does not count.
CREATE UNIQUE INDEX applications_once ON applications (project_id, call_id) WHERE state <> 'withdrawn';
CREATE INDEX applications_by_age ON applications (created_at, id);
CREATE INDEX applications_by_change ON applications (updated_at, id);
CREATE INDEX applications_of_a_region ON applications (region, created_at, id);
CREATE INDEX applications_of_a_call ON applications (call_id, state, created_at, id);
CREATE INDEX applications_of_a_cohort ON applications (cohort_id, state);
CREATE INDEX applications_of_a_project ON applications (project_id, created_at, id);
