-- Decisions before and after their release, places, and what an event no longer tells.
CREATE TABLE place_settings (
    call_id uuid PRIMARY KEY NOT NULL REFERENCES calls (id),
    confirm_within_days integer,
    reminder_days_before jsonb NOT NULL,
    offer_beyond_capacity boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE staged_decisions (
    application_id uuid PRIMARY KEY NOT NULL REFERENCES applications (id),
    project_id uuid NOT NULL REFERENCES projects (id),
    call_id uuid NOT NULL REFERENCES calls (id),
    outcome text NOT NULL,
    cohort_id uuid REFERENCES cohorts (id),
    pillar text,
    rank integer,
    reasons jsonb NOT NULL,
    feedback text,
    staged_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX staged_decisions_of_a_call ON staged_decisions (call_id, created_at, application_id);
CREATE INDEX staged_decisions_by_age ON staged_decisions (created_at, application_id);
CREATE INDEX staged_decisions_by_change ON staged_decisions (updated_at, application_id);
CREATE TABLE releases (
    id uuid PRIMARY KEY NOT NULL,
    call_id uuid NOT NULL REFERENCES calls (id),
    application_ids jsonb,
    due_at timestamptz NOT NULL,
    state text NOT NULL,
    decided integer,
    problems jsonb NOT NULL,
    created_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX releases_of_a_call ON releases (call_id, created_at, id);
CREATE TABLE decisions (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    project_id uuid NOT NULL REFERENCES projects (id),
    call_id uuid NOT NULL REFERENCES calls (id),
    outcome text NOT NULL,
    cohort_id uuid REFERENCES cohorts (id),
    pillar text,
    rank integer,
    reasons jsonb NOT NULL,
    decided_by uuid,
    decided_at timestamptz NOT NULL,
    ended_at timestamptz,
    reversed_by uuid,
    reversal_reason text
);
CREATE INDEX decisions_of_an_application ON decisions (application_id, ended_at);
CREATE INDEX decisions_of_a_call ON decisions (call_id, decided_at, id);
CREATE INDEX decisions_by_age ON decisions (decided_at, id);
CREATE TABLE places (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    project_id uuid NOT NULL REFERENCES projects (id),
    call_id uuid NOT NULL REFERENCES calls (id),
    cohort_id uuid NOT NULL REFERENCES cohorts (id),
    pillar text NOT NULL,
    region text,
    state text NOT NULL,
    offered_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reminded_days_before integer,
    ended_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
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
    event_seq bigint PRIMARY KEY NOT NULL,
    by_seq bigint NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX superseded_events_by ON superseded_events (by_seq);
