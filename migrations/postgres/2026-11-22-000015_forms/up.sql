-- What calls ask, in versions.
CREATE TABLE forms (
    id uuid PRIMARY KEY NOT NULL,
    call_id uuid NOT NULL REFERENCES calls (id),
    number integer NOT NULL,
    definition jsonb NOT NULL,
    in_use_since timestamptz,
    created_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (call_id, number)
);
-- The version that an application answers; none where its call has no form.
ALTER TABLE applications ADD COLUMN form_id uuid REFERENCES forms (id);

-- What was submitted, for ever: a row for each submission of an application.
CREATE TABLE application_receipts (
    application_id uuid NOT NULL REFERENCES applications (id),
    number integer NOT NULL,
    form_id uuid REFERENCES forms (id),
    content jsonb NOT NULL,
    sha256 text NOT NULL,
    submitted_by uuid,
    submitted_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, number)
);
INSERT INTO application_receipts (application_id, number, content, sha256, submitted_at)
SELECT id, 1, frozen, content_sha256, submitted_at FROM applications
WHERE frozen IS NOT NULL AND content_sha256 IS NOT NULL AND submitted_at IS NOT NULL;

-- Applications sent back to their founders, each with the fields that it opens; the clock stands still meanwhile.
CREATE TABLE application_returns (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    from_state text NOT NULL,
    fields jsonb NOT NULL,
    message text NOT NULL,
    reasons jsonb NOT NULL,
    due_on date,
    returned_by uuid,
    returned_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE INDEX application_returns_of_one ON application_returns (application_id, returned_at);

CREATE TABLE application_screenings (
    id uuid PRIMARY KEY NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    started_by uuid,
    started_at timestamptz NOT NULL,
    result text,
    reasons jsonb,
    note text,
    finished_by uuid,
    finished_at timestamptz
);
CREATE INDEX application_screenings_of_one ON application_screenings (application_id, started_at);

-- Words that staff put on applications. Not part of the application itself: its founders see nothing of them.
CREATE TABLE application_tags (
    application_id uuid NOT NULL REFERENCES applications (id),
    tag text COLLATE "C" NOT NULL,
    tagged_by uuid,
    tagged_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, tag)
);
CREATE INDEX application_tags_by_word ON application_tags (tag, application_id);

-- Why the network's screening sends applications back or lets them pass.
CREATE TABLE screening_reasons (
    code text COLLATE "C" PRIMARY KEY NOT NULL,
    names jsonb NOT NULL
);
