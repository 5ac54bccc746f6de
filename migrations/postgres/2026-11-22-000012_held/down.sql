DROP TABLE held_work;
