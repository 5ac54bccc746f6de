DROP TRIGGER transitions_are_append_only ON transitions;
DROP TABLE milestones;
DROP TABLE transitions;
DROP TABLE stays;
