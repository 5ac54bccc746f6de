-- The calls of a cohort, for its dashboard.
CREATE INDEX calls_of_a_cohort ON calls (cohort_id);
