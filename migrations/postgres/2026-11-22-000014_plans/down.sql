DROP INDEX calls_of_a_cohort;
