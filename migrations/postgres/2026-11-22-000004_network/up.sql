-- The network as data: regions, postal codes, organisations, mandates, programmes, cohorts, calls.
CREATE TABLE regions (
    code text PRIMARY KEY NOT NULL,
    iso text NOT NULL,
    names jsonb NOT NULL,
    languages jsonb NOT NULL
);

CREATE TABLE provinces (
    iso text PRIMARY KEY NOT NULL,
    region text NOT NULL REFERENCES regions (code),
    nuts2 text NOT NULL,
    names jsonb NOT NULL
);

CREATE TABLE postal_codes (
    id uuid PRIMARY KEY NOT NULL,
    country text NOT NULL,
    low text COLLATE "C" NOT NULL,
    high text COLLATE "C" NOT NULL,
    region text NOT NULL REFERENCES regions (code),
    province text NOT NULL REFERENCES provinces (iso),
    languages jsonb NOT NULL,
    is_exception boolean NOT NULL,
    valid_from date,
    valid_to date
);
CREATE INDEX postal_codes_of_a_country ON postal_codes (country, low);

CREATE TABLE organisations (
    id uuid PRIMARY KEY NOT NULL,
    slug text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    region text REFERENCES regions (code),
    website text,
    roles jsonb NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    succeeded_by uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE mandates (
    id uuid PRIMARY KEY NOT NULL,
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    pillar text NOT NULL,
    region text NOT NULL REFERENCES regions (code),
    responsibility text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX mandates_once ON mandates (organisation_id, pillar, region, responsibility, valid_from);
CREATE INDEX mandates_of_a_pillar ON mandates (pillar, region);

CREATE TABLE programmes (
    id uuid PRIMARY KEY NOT NULL,
    slug text COLLATE "C" NOT NULL UNIQUE,
    names jsonb NOT NULL,
    summary jsonb NOT NULL,
    organisation_id uuid REFERENCES organisations (id),
    regions jsonb NOT NULL,
    languages jsonb NOT NULL,
    sectors jsonb NOT NULL,
    excluded_sectors jsonb NOT NULL,
    pillars jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE cohorts (
    id uuid PRIMARY KEY NOT NULL,
    slug text COLLATE "C" NOT NULL UNIQUE,
    programme_id uuid NOT NULL REFERENCES programmes (id),
    names jsonb NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    capacity integer NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE cohort_quotas (
    cohort_id uuid NOT NULL REFERENCES cohorts (id),
    region text NOT NULL REFERENCES regions (code),
    places integer NOT NULL,
    PRIMARY KEY (cohort_id, region)
);

CREATE TABLE calls (
    id uuid PRIMARY KEY NOT NULL,
    slug text COLLATE "C" NOT NULL UNIQUE,
    programme_id uuid NOT NULL REFERENCES programmes (id),
    cohort_id uuid REFERENCES cohorts (id),
    names jsonb NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
