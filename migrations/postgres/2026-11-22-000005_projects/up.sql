-- Start-up projects, and the index that finds them by their words.
CREATE TABLE projects (
    id uuid PRIMARY KEY NOT NULL,
    reference text COLLATE "C" NOT NULL UNIQUE,
    title text COLLATE "C" NOT NULL,
    summary text NOT NULL,
    sector text NOT NULL,
    country text NOT NULL,
    postal_code text,
    region text REFERENCES regions (code),
    province text REFERENCES provinces (iso),
    enterprise_number text,
    website text,
    language text NOT NULL,
    state text NOT NULL,
    pillar text,
    cohort_id uuid REFERENCES cohorts (id),
    stay_id uuid,
    shared_with_partners boolean NOT NULL,
    quiet_since timestamptz,
    last_confidence text,
    next_due_on date,
    target_at timestamptz,
    created_by uuid NOT NULL REFERENCES accounts (id),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX projects_by_age ON projects (created_at, id);
CREATE INDEX projects_by_change ON projects (updated_at, id);
CREATE INDEX projects_by_title ON projects (title, id);
CREATE INDEX projects_of_a_region ON projects (region, created_at, id);
CREATE INDEX projects_of_a_region_by_change ON projects (region, updated_at, id);
CREATE INDEX projects_of_a_cohort ON projects (cohort_id, created_at, id);
CREATE INDEX projects_of_a_cohort_by_title ON projects (cohort_id, title, id);
CREATE INDEX projects_of_an_enterprise ON projects (enterprise_number);

-- Letters without their accents, as SQLite's tokenizer does it; immutable, so that an index may use it.
CREATE FUNCTION plain_letters(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower($1), 'àáâãäåçèéêëìíîïñòóôõöøùúûüýÿ', 'aaaaaaceeeeiiiinoooooouuuuyy')
$$;
ALTER TABLE projects ADD COLUMN search tsvector GENERATED ALWAYS AS (
    to_tsvector('simple', plain_letters(title) || ' ' || plain_letters(summary) || ' ' || lower(reference))
) STORED;
CREATE INDEX projects_search ON projects USING gin (search);
