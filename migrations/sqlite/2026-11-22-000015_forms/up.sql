-- What calls ask, in versions.
CREATE TABLE forms (
    id BLOB PRIMARY KEY NOT NULL,
    call_id BLOB NOT NULL REFERENCES calls (id),
    number INTEGER NOT NULL,
    definition TEXT NOT NULL,
    in_use_since INTEGER,
    created_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (call_id, number)
) STRICT;
-- The version that an application answers; none where its call has no form.
ALTER TABLE applications ADD COLUMN form_id BLOB REFERENCES forms (id);

-- What was submitted, for ever: a row for each submission of an application.
CREATE TABLE application_receipts (
    application_id BLOB NOT NULL REFERENCES applications (id),
    number INTEGER NOT NULL,
    form_id BLOB REFERENCES forms (id),
    content TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    submitted_by BLOB,
    submitted_at INTEGER NOT NULL,
    PRIMARY KEY (application_id, number)
) STRICT;
INSERT INTO application_receipts (application_id, number, content, sha256, submitted_at)
SELECT id, 1, frozen, content_sha256, submitted_at FROM applications
WHERE frozen IS NOT NULL AND content_sha256 IS NOT NULL AND submitted_at IS NOT NULL;

-- Applications sent back to their founders, each with the fields that it opens; the clock stands still meanwhile.
CREATE TABLE application_returns (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    from_state TEXT NOT NULL,
    fields TEXT NOT NULL,
    message TEXT NOT NULL,
    reasons TEXT NOT NULL,
    due_on TEXT,
    returned_by BLOB,
    returned_at INTEGER NOT NULL,
    closed_at INTEGER
) STRICT;
CREATE INDEX application_returns_of_one ON application_returns (application_id, returned_at);

CREATE TABLE application_screenings (
    id BLOB PRIMARY KEY NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    started_by BLOB,
    started_at INTEGER NOT NULL,
    result TEXT,
    reasons TEXT,
    note TEXT,
    finished_by BLOB,
    finished_at INTEGER
) STRICT;
CREATE INDEX application_screenings_of_one ON application_screenings (application_id, started_at);

-- Words that staff put on applications. Not part of the application itself: its founders see nothing of them.
CREATE TABLE application_tags (
    application_id BLOB NOT NULL REFERENCES applications (id),
    tag TEXT NOT NULL,
    tagged_by BLOB,
    tagged_at INTEGER NOT NULL,
    PRIMARY KEY (application_id, tag)
) STRICT;
CREATE INDEX application_tags_by_word ON application_tags (tag, application_id);

-- Why the network's screening sends applications back or lets them pass.
CREATE TABLE screening_reasons (
    code TEXT PRIMARY KEY NOT NULL,
    names TEXT NOT NULL
) STRICT;
