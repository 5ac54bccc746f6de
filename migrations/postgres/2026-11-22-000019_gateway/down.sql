DROP TABLE routings;
DROP TABLE late_entry_codes;
DROP TABLE eligibility_overrides;
DROP TABLE eligibility_rules;
DROP INDEX projects_of_a_web_domain;
ALTER TABLE projects DROP COLUMN web_domain;
