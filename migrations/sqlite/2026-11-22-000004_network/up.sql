-- The network as data: regions, postal codes, organisations, mandates, programmes, cohorts, calls.
CREATE TABLE regions (
    code TEXT PRIMARY KEY NOT NULL,
    iso TEXT NOT NULL,
    names TEXT NOT NULL,
    languages TEXT NOT NULL
) STRICT;

CREATE TABLE provinces (
    iso TEXT PRIMARY KEY NOT NULL,
    region TEXT NOT NULL REFERENCES regions (code),
    nuts2 TEXT NOT NULL,
    names TEXT NOT NULL
) STRICT;

CREATE TABLE postal_codes (
    id BLOB PRIMARY KEY NOT NULL,
    country TEXT NOT NULL,
    low TEXT NOT NULL,
    high TEXT NOT NULL,
    region TEXT NOT NULL REFERENCES regions (code),
    province TEXT NOT NULL REFERENCES provinces (iso),
    languages TEXT NOT NULL,
    is_exception INTEGER NOT NULL,
    valid_from TEXT,
    valid_to TEXT
) STRICT;
CREATE INDEX postal_codes_of_a_country ON postal_codes (country, low);

CREATE TABLE organisations (
    id BLOB PRIMARY KEY NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    region TEXT REFERENCES regions (code),
    website TEXT,
    roles TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT,
    succeeded_by BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE mandates (
    id BLOB PRIMARY KEY NOT NULL,
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    pillar TEXT NOT NULL,
    region TEXT NOT NULL REFERENCES regions (code),
    responsibility TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mandates_once ON mandates (organisation_id, pillar, region, responsibility, valid_from);
CREATE INDEX mandates_of_a_pillar ON mandates (pillar, region);

CREATE TABLE programmes (
    id BLOB PRIMARY KEY NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    names TEXT NOT NULL,
    summary TEXT NOT NULL,
    organisation_id BLOB REFERENCES organisations (id),
    regions TEXT NOT NULL,
    languages TEXT NOT NULL,
    sectors TEXT NOT NULL,
    excluded_sectors TEXT NOT NULL,
    pillars TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cohorts (
    id BLOB PRIMARY KEY NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    programme_id BLOB NOT NULL REFERENCES programmes (id),
    names TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cohort_quotas (
    cohort_id BLOB NOT NULL REFERENCES cohorts (id),
    region TEXT NOT NULL REFERENCES regions (code),
    places INTEGER NOT NULL,
    PRIMARY KEY (cohort_id, region)
) STRICT;

CREATE TABLE calls (
    id BLOB PRIMARY KEY NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    programme_id BLOB NOT NULL REFERENCES programmes (id),
    cohort_id BLOB REFERENCES cohorts (id),
    names TEXT NOT NULL,
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
