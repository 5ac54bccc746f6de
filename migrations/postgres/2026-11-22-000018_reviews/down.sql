DROP TABLE review_plans;
DROP TABLE reviews;
DROP TABLE reviewer_profiles;
DROP TABLE committee_votes;
DROP TABLE committees;
DROP TABLE rubrics;
DROP TABLE application_readers;
DROP TABLE conflicts;
