-- The host of a project's web site, by which projects that may be one are found.
ALTER TABLE projects ADD COLUMN web_domain TEXT;
CREATE INDEX projects_of_a_web_domain ON projects (web_domain);
UPDATE projects SET web_domain = lower(substr(website, instr(website, '://') + 3)) WHERE website LIKE '%://%';
UPDATE projects SET web_domain = substr(web_domain, 1, instr(web_domain || '/', '/') - 1) WHERE web_domain IS NOT NULL;
UPDATE projects SET web_domain = substr(web_domain, 1, instr(web_domain || '?', '?') - 1) WHERE web_domain IS NOT NULL;
UPDATE projects SET web_domain = substr(web_domain, 1, instr(web_domain || '#', '#') - 1) WHERE web_domain IS NOT NULL;
UPDATE projects SET web_domain = substr(web_domain, 1, instr(web_domain || ':', ':') - 1) WHERE web_domain IS NOT NULL;
UPDATE projects SET web_domain = substr(web_domain, 5) WHERE web_domain LIKE 'www.%';
UPDATE projects SET web_domain = NULL WHERE web_domain = '';

-- What a call asks of those who answer it, beyond what its programme says; and what a coordinator may waive.
CREATE TABLE eligibility_rules (
    call_id BLOB PRIMARY KEY NOT NULL REFERENCES calls (id),
    rules TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Rules that a coordinator has waived for one application, each once and with a reason.
CREATE TABLE eligibility_overrides (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_by BLOB NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    UNIQUE (application_id, rule)
) STRICT;

-- Codes that let one application in after the close; kept as digests only.
CREATE TABLE late_entry_codes (
    id BLOB PRIMARY KEY NOT NULL,
    call_id BLOB NOT NULL REFERENCES calls (id),
    project_id BLOB REFERENCES projects (id),
    digest TEXT NOT NULL UNIQUE,
    reason TEXT NOT NULL,
    made_by BLOB NOT NULL REFERENCES accounts (id),
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    application_id BLOB REFERENCES applications (id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX late_entry_codes_of_an_application ON late_entry_codes (application_id);

-- Proposals to send an application to another call or region, and what the founders said.
CREATE TABLE routings (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    call_id BLOB REFERENCES calls (id),
    region TEXT REFERENCES regions (code),
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    proposed_by BLOB NOT NULL REFERENCES accounts (id),
    answered_by BLOB REFERENCES accounts (id),
    new_application_id BLOB REFERENCES applications (id),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX routings_of_an_application ON routings (application_id, created_at, id);
CREATE UNIQUE INDEX routings_that_are_open ON routings (application_id) WHERE state = 'proposed';
