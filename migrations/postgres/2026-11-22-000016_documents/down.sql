ALTER TABLE projects DROP COLUMN applicant_kind;
DROP TABLE invitations;
DROP TABLE documents;
