-- The host of a project's web site, by which projects that may be one are found.
ALTER TABLE projects ADD COLUMN web_domain text;
CREATE INDEX projects_of_a_web_domain ON projects (web_domain);
UPDATE projects SET web_domain = nullif(
    regexp_replace(lower(substring(website from '://([^/?#:]*)')), '^www\.', ''), ''
);

-- What a call asks of those who answer it, beyond what its programme says; and what a coordinator may waive.
CREATE TABLE eligibility_rules (
    call_id uuid PRIMARY KEY NOT NULL REFERENCES calls (id),
    rules jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Rules that a coordinator has waived for one application, each once and with a reason.
CREATE TABLE eligibility_overrides (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    rule text NOT NULL,
    reason text NOT NULL,
    made_by uuid NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    UNIQUE (application_id, rule)
);

-- Codes that let one application in after the close; kept as digests only.
CREATE TABLE late_entry_codes (
    id uuid PRIMARY KEY NOT NULL,
    call_id uuid NOT NULL REFERENCES calls (id),
    project_id uuid REFERENCES projects (id),
    digest text NOT NULL UNIQUE,
    reason text NOT NULL,
    made_by uuid NOT NULL REFERENCES accounts (id),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    application_id uuid REFERENCES applications (id),
    created_at timestamptz NOT NULL
);
CREATE INDEX late_entry_codes_of_an_application ON late_entry_codes (application_id);

-- Proposals to send an application to another call or region, and what the founders said.
CREATE TABLE routings (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    call_id uuid REFERENCES calls (id),
    region text REFERENCES regions (code),
    reason text NOT NULL,
    state text NOT NULL,
    proposed_by uuid NOT NULL REFERENCES accounts (id),
    answered_by uuid REFERENCES accounts (id),
    new_application_id uuid REFERENCES applications (id),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX routings_of_an_application ON routings (application_id, created_at, id);
CREATE UNIQUE INDEX routings_that_are_open ON routings (application_id) WHERE state = 'proposed';
