-- Files that belong to a project, or to one of its applications. The file itself lies in the store, under the row's id;
-- the row is there first, so that no file can be without one.
CREATE TABLE documents (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    application_id BLOB REFERENCES applications (id),
    question TEXT,
    title TEXT,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    state TEXT NOT NULL,
    added_by BLOB REFERENCES accounts (id),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_of_a_project ON documents (project_id, created_at, id);
CREATE INDEX documents_of_an_application ON documents (application_id, created_at, id);
CREATE INDEX documents_arriving ON documents (created_at) WHERE state = 'arriving';

-- People asked into a project's team. The code in the mail is made from the row's id and the secret.
CREATE TABLE invitations (
    id BLOB PRIMARY KEY NOT NULL,
    project_id BLOB NOT NULL REFERENCES projects (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    invited_by BLOB NOT NULL REFERENCES accounts (id),
    account_id BLOB REFERENCES accounts (id),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX invitations_of_a_project ON invitations (project_id, created_at, id);
CREATE INDEX invitations_to_a_mailbox ON invitations (email, created_at);

-- Whether a person, a team or a company applies; it may change, and the ledger has its history.
ALTER TABLE projects ADD COLUMN applicant_kind TEXT NOT NULL DEFAULT 'team';
