DROP TRIGGER events_note_running_transactions ON events;
DROP FUNCTION note_running_transactions();
DROP TRIGGER events_are_append_only ON events;
DROP FUNCTION refuse_change();
DROP TABLE idempotency_keys;
DROP TABLE mails;
DROP TABLE jobs;
DROP TABLE events;
