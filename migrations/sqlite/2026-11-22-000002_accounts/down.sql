DROP TABLE grants;
DROP TABLE one_time_codes;
DROP TABLE accounts;
