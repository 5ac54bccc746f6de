ALTER TABLE sessions DROP COLUMN device;
DROP TABLE known_places;
DROP TABLE throttle_buckets;
CREATE TABLE sign_in_failures (
    id uuid PRIMARY KEY NOT NULL,
    email_digest text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_of_an_address ON sign_in_failures (email_digest, at);
