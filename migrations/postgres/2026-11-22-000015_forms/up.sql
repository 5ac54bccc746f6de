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
