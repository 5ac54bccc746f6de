-- Files that belong to a project, or to one of its applications. The file itself lies in the store, under the row's id;
-- the row is there first, so that no file can be without one.
CREATE TABLE documents (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    application_id uuid REFERENCES applications (id),
    question text,
    title text,
    file_name text NOT NULL,
    media_type text NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    state text NOT NULL,
    added_by uuid REFERENCES accounts (id),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX documents_of_a_project ON documents (project_id, created_at, id);
CREATE INDEX documents_of_an_application ON documents (application_id, created_at, id);
CREATE INDEX documents_arriving ON documents (created_at) WHERE state = 'arriving';

-- People asked into a project's team. The code in the mail is made from the row's id and the secret.
CREATE TABLE invitations (
    id uuid PRIMARY KEY NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    email text NOT NULL,
    role text NOT NULL,
    language text NOT NULL,
    state text NOT NULL,
    expires_at timestamptz NOT NULL,
    invited_by uuid NOT NULL REFERENCES accounts (id),
    account_id uuid REFERENCES accounts (id),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX invitations_of_a_project ON invitations (project_id, created_at, id);
CREATE INDEX invitations_to_a_mailbox ON invitations (email, created_at);

-- Whether a person, a team or a company applies; it may change, and the ledger has its history.
ALTER TABLE projects ADD COLUMN applicant_kind text NOT NULL DEFAULT 'team';
