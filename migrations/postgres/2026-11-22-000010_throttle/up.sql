-- Brakes on guessing in the shared database, the places where people sign in from, and what a session's device is called.
DROP TABLE sign_in_failures;

-- A bucket that leaks: each try pours in its share of an hour, and it overflows when it would need more than an hour to
-- run empty. `empty_at` is in microseconds since 1970 on both databases, so that one statement reckons with it on both.
CREATE TABLE throttle_buckets (
    kind text NOT NULL,
    key text NOT NULL,
    empty_at bigint NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX throttle_buckets_by_age ON throttle_buckets (empty_at);

-- From where an account was signed in to before; the key is a keyed digest of address and network.
CREATE TABLE known_places (
    key text PRIMARY KEY NOT NULL,
    last_used_at timestamptz NOT NULL
);
CREATE INDEX known_places_by_age ON known_places (last_used_at);

ALTER TABLE sessions ADD COLUMN device text;
