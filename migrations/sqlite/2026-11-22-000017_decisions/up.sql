-- Decisions before and after their release, places, and what an event no longer tells.
CREATE TABLE place_settings (
    call_id BLOB PRIMARY KEY NOT NULL REFERENCES calls (id),
    confirm_within_days INTEGER,
    reminder_days_before TEXT NOT NULL,
    offer_beyond_capacity INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE staged_decisions (
    application_id BLOB PRIMARY KEY NOT NULL REFERENCES applications (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    call_id BLOB NOT NULL REFERENCES calls (id),
    outcome TEXT NOT NULL,
    cohort_id BLOB REFERENCES cohorts (id),
    pillar TEXT,
    rank INTEGER,
    reasons TEXT NOT NULL,
    feedback TEXT,
    staged_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX staged_decisions_of_a_call ON staged_decisions (call_id, created_at, application_id);
CREATE INDEX staged_decisions_by_age ON staged_decisions (created_at, application_id);
CREATE INDEX staged_decisions_by_change ON staged_decisions (updated_at, application_id);
CREATE TABLE releases (
    id BLOB PRIMARY KEY NOT NULL,
    call_id BLOB NOT NULL REFERENCES calls (id),
    application_ids TEXT,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    decided INTEGER,
    problems TEXT NOT NULL,
    created_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX releases_of_a_call ON releases (call_id, created_at, id);
CREATE TABLE decisions (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    call_id BLOB NOT NULL REFERENCES calls (id),
    outcome TEXT NOT NULL,
    cohort_id BLOB REFERENCES cohorts (id),
    pillar TEXT,
    rank INTEGER,
    reasons TEXT NOT NULL,
    decided_by BLOB,
    decided_at INTEGER NOT NULL,
    ended_at INTEGER,
    reversed_by BLOB,
    reversal_reason TEXT
) STRICT;
CREATE INDEX decisions_of_an_application ON decisions (application_id, ended_at);
CREATE INDEX decisions_of_a_call ON decisions (call_id, decided_at, id);
CREATE INDEX decisions_by_age ON decisions (decided_at, id);
CREATE TABLE places (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    call_id BLOB NOT NULL REFERENCES calls (id),
    cohort_id BLOB NOT NULL REFERENCES cohorts (id),
    pillar TEXT NOT NULL,
    region TEXT,
    state TEXT NOT NULL,
    offered_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    reminded_days_before INTEGER,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- An application has one open place at most.
CREATE UNIQUE INDEX places_once ON places (application_id) WHERE state = 'offered';
CREATE INDEX places_of_an_application ON places (application_id, created_at);
CREATE INDEX places_of_a_cohort ON places (cohort_id, state);
CREATE INDEX places_of_a_call ON places (call_id, created_at, id);
CREATE INDEX places_of_a_project ON places (project_id, created_at);
CREATE INDEX places_by_age ON places (created_at, id);
CREATE INDEX places_by_change ON places (updated_at, id);
-- Events that a later one has taken back, so that nobody is told of them any more.
CREATE TABLE superseded_events (
    event_seq INTEGER PRIMARY KEY NOT NULL,
    by_seq INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX superseded_events_by ON superseded_events (by_seq);
