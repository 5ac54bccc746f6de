-- Start-up projects, and the index that finds them by their words.
CREATE TABLE projects (
    -- The full-text index points to rows by this number; a rowid that has no name may change.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    reference TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    sector TEXT NOT NULL,
    country TEXT NOT NULL,
    postal_code TEXT,
    region TEXT REFERENCES regions (code),
    province TEXT REFERENCES provinces (iso),
    enterprise_number TEXT,
    website TEXT,
    language TEXT NOT NULL,
    state TEXT NOT NULL,
    pillar TEXT,
    cohort_id BLOB REFERENCES cohorts (id),
    stay_id BLOB,
    shared_with_partners INTEGER NOT NULL,
    quiet_since INTEGER,
    last_confidence TEXT,
    next_due_on TEXT,
    target_at INTEGER,
    created_by BLOB NOT NULL REFERENCES accounts (id),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_by_age ON projects (created_at, id);
CREATE INDEX projects_by_change ON projects (updated_at, id);
CREATE INDEX projects_by_title ON projects (title, id);
CREATE INDEX projects_of_a_region ON projects (region, created_at, id);
CREATE INDEX projects_of_a_region_by_change ON projects (region, updated_at, id);
CREATE INDEX projects_of_a_cohort ON projects (cohort_id, created_at, id);
CREATE INDEX projects_of_a_cohort_by_title ON projects (cohort_id, title, id);
CREATE INDEX projects_of_an_enterprise ON projects (enterprise_number);

CREATE VIRTUAL TABLE projects_search USING fts5 (
    title, summary, reference, content = 'projects', content_rowid = 'no', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER projects_search_insert AFTER INSERT ON projects BEGIN
    INSERT INTO projects_search (rowid, title, summary, reference)
    VALUES (new.no, new.title, new.summary, new.reference);
END;
CREATE TRIGGER projects_search_delete AFTER DELETE ON projects BEGIN
    INSERT INTO projects_search (projects_search, rowid, title, summary, reference)
    VALUES ('delete', old.no, old.title, old.summary, old.reference);
END;
CREATE TRIGGER projects_search_update AFTER UPDATE OF title, summary, reference ON projects BEGIN
    INSERT INTO projects_search (projects_search, rowid, title, summary, reference)
    VALUES ('delete', old.no, old.title, old.summary, old.reference);
    INSERT INTO projects_search (rowid, title, summary, reference)
    VALUES (new.no, new.title, new.summary, new.reference);
END;
