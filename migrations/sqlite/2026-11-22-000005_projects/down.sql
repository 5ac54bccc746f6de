DROP TABLE projects_search;
DROP TABLE projects;
