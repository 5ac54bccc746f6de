DROP INDEX projects_search;
ALTER TABLE projects DROP COLUMN search;
DROP FUNCTION plain_letters(text);
DROP TABLE projects;
