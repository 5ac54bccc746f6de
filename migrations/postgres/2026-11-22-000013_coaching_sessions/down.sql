DROP TABLE coaching_sessions;
ALTER TABLE assignments DROP COLUMN hours_budget;
