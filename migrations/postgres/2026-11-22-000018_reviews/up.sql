-- Conflicts of interest, who reads an application as its reviewer, and what reviewers say: rubrics, profiles, reviews,
-- plans of who reviews what, committees and their votes.
CREATE TABLE conflicts (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    project_id uuid REFERENCES projects (id),
    organisation_id uuid REFERENCES organisations (id),
    review_id uuid,
    source text NOT NULL,
    note text NOT NULL,
    noted_by uuid,
    ended_at timestamptz,
    ended_by uuid,
    end_reason text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX conflicts_of_an_account ON conflicts (account_id, ended_at);
CREATE INDEX conflicts_in_order ON conflicts (created_at, id);
CREATE UNIQUE INDEX conflicts_open_once ON conflicts (account_id, project_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX conflicts_open_once_of_organisations ON conflicts (account_id, organisation_id) WHERE ended_at IS NULL;

-- The id of a row is its review's; where the call is blind it stands for the application's own id.
CREATE TABLE application_readers (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    account_id uuid NOT NULL REFERENCES accounts (id),
    blind boolean NOT NULL,
    label text NOT NULL,
    since timestamptz NOT NULL
);
CREATE UNIQUE INDEX application_readers_once ON application_readers (application_id, account_id);
CREATE INDEX application_readers_of_an_account ON application_readers (account_id);

CREATE TABLE rubrics (
    call_id uuid PRIMARY KEY NOT NULL REFERENCES calls (id),
    content jsonb NOT NULL,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE committees (
    call_id uuid PRIMARY KEY NOT NULL REFERENCES calls (id),
    content jsonb NOT NULL,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE committee_votes (
    application_id uuid NOT NULL REFERENCES applications (id),
    account_id uuid NOT NULL REFERENCES accounts (id),
    vote text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, account_id)
);

CREATE TABLE reviewer_profiles (
    account_id uuid PRIMARY KEY NOT NULL REFERENCES accounts (id),
    content jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE reviews (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    call_id uuid NOT NULL REFERENCES calls (id),
    account_id uuid NOT NULL REFERENCES accounts (id),
    label text NOT NULL,
    state text NOT NULL,
    scores jsonb NOT NULL,
    comment text,
    private_note text,
    recommendation text,
    weighted bigint,
    reason text,
    assigned_by uuid,
    submitted_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX reviews_standing_once ON reviews (application_id, account_id) WHERE state IN ('open', 'submitted');
CREATE INDEX reviews_of_a_call ON reviews (call_id, state);
CREATE INDEX reviews_of_an_account ON reviews (account_id, created_at, id);
CREATE INDEX reviews_in_order ON reviews (created_at, id);
CREATE INDEX reviews_by_change ON reviews (updated_at, id);

CREATE TABLE review_plans (
    id uuid PRIMARY KEY NOT NULL,
    call_id uuid NOT NULL REFERENCES calls (id),
    state text NOT NULL,
    content jsonb NOT NULL,
    made_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
