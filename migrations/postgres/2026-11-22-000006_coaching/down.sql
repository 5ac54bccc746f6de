DROP TABLE updates;
DROP TABLE assignments;
