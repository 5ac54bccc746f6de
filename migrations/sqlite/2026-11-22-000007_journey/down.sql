DROP TABLE milestones;
DROP TABLE transitions;
DROP TABLE stays;
