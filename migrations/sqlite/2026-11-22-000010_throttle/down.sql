ALTER TABLE sessions DROP COLUMN device;
DROP TABLE known_places;
DROP TABLE throttle_buckets;
CREATE TABLE sign_in_failures (
    id BLOB PRIMARY KEY NOT NULL,
    email_digest TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failures_of_an_address ON sign_in_failures (email_digest, at);
