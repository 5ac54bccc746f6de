DROP TRIGGER events_move_their_head ON events;
DROP FUNCTION move_ledger_head();
DROP TABLE ledger_heads;
DROP INDEX events_by_chain;
ALTER TABLE events DROP COLUMN mac;
ALTER TABLE events DROP COLUMN chain_seq;
ALTER TABLE events DROP COLUMN chain;
