-- Projects answering calls, from draft to decision.
CREATE TABLE applications (
    id BLOB PRIMARY KEY NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    project_id BLOB NOT NULL REFERENCES projects (id),
    call_id BLOB NOT NULL REFERENCES calls (id),
    state TEXT NOT NULL,
    answers TEXT NOT NULL,
    region TEXT,
    cohort_id BLOB REFERENCES cohorts (id),
    pillar TEXT,
    feedback TEXT,
    override_reason TEXT,
    frozen TEXT,
    content_sha256 TEXT,
    submitted_at INTEGER,
    decided_at INTEGER,
    decided_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- A project answers a call once; an application that was withdrawn does not count.
CREATE UNIQUE INDEX applications_once ON applications (project_id, call_id) WHERE state <> 'withdrawn';
CREATE INDEX applications_by_age ON applications (created_at, id);
CREATE INDEX applications_by_change ON applications (updated_at, id);
CREATE INDEX applications_of_a_region ON applications (region, created_at, id);
CREATE INDEX applications_of_a_call ON applications (call_id, state, created_at, id);
CREATE INDEX applications_of_a_cohort ON applications (cohort_id, state);
CREATE INDEX applications_of_a_project ON applications (project_id, created_at, id);
