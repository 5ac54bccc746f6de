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
