DROP TABLE screening_reasons;
DROP TABLE application_tags;
DROP TABLE application_screenings;
DROP TABLE application_returns;
DROP TABLE application_receipts;
ALTER TABLE applications DROP COLUMN form_id;
DROP TABLE forms;
