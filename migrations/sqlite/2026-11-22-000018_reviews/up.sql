-- Conflicts of interest, who reads an application as its reviewer, and what reviewers say: rubrics, profiles, reviews,
-- plans of who reviews what, committees and their votes.
CREATE TABLE conflicts (
    id BLOB PRIMARY KEY NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    project_id BLOB REFERENCES projects (id),
    organisation_id BLOB REFERENCES organisations (id),
    review_id BLOB,
    source TEXT NOT NULL,
    note TEXT NOT NULL,
    noted_by BLOB,
    ended_at INTEGER,
    ended_by BLOB,
    end_reason TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX conflicts_of_an_account ON conflicts (account_id, ended_at);
CREATE INDEX conflicts_in_order ON conflicts (created_at, id);
CREATE UNIQUE INDEX conflicts_open_once ON conflicts (account_id, project_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX conflicts_open_once_of_organisations ON conflicts (account_id, organisation_id) WHERE ended_at IS NULL;

-- The id of a row is its review's; where the call is blind it stands for the application's own id.
CREATE TABLE application_readers (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    blind INTEGER NOT NULL,
    label TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX application_readers_once ON application_readers (application_id, account_id);
CREATE INDEX application_readers_of_an_account ON application_readers (account_id);

CREATE TABLE rubrics (
    call_id BLOB PRIMARY KEY NOT NULL REFERENCES calls (id),
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE committees (
    call_id BLOB PRIMARY KEY NOT NULL REFERENCES calls (id),
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE committee_votes (
    application_id BLOB NOT NULL REFERENCES applications (id),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    vote TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (application_id, account_id)
) STRICT;

CREATE TABLE reviewer_profiles (
    account_id BLOB PRIMARY KEY NOT NULL REFERENCES accounts (id),
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE reviews (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    call_id BLOB NOT NULL REFERENCES calls (id),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    scores TEXT NOT NULL,
    comment TEXT,
    private_note TEXT,
    recommendation TEXT,
    weighted INTEGER,
    reason TEXT,
    assigned_by BLOB,
    submitted_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX reviews_standing_once ON reviews (application_id, account_id) WHERE state IN ('open', 'submitted');
CREATE INDEX reviews_of_a_call ON reviews (call_id, state);
CREATE INDEX reviews_of_an_account ON reviews (account_id, created_at, id);
CREATE INDEX reviews_in_order ON reviews (created_at, id);
CREATE INDEX reviews_by_change ON reviews (updated_at, id);

CREATE TABLE review_plans (
    id BLOB PRIMARY KEY NOT NULL,
    call_id BLOB NOT NULL REFERENCES calls (id),
    state TEXT NOT NULL,
    content TEXT NOT NULL,
    made_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
