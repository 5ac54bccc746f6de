-- Each event is an entry of a chain: the project's, or else its subject's (docs/adr/0009). Events that are older than
-- the chains stay outside.
ALTER TABLE events ADD COLUMN chain BLOB;
ALTER TABLE events ADD COLUMN chain_seq INTEGER;
ALTER TABLE events ADD COLUMN mac TEXT;
CREATE UNIQUE INDEX events_by_chain ON events (chain, chain_seq);

-- The end of each chain. Its row is what an appending transaction locks.
CREATE TABLE ledger_heads (
    chain BLOB PRIMARY KEY NOT NULL,
    length INTEGER NOT NULL,
    mac TEXT NOT NULL
) STRICT;
CREATE TRIGGER events_move_their_head AFTER INSERT ON events WHEN NEW.chain IS NOT NULL BEGIN
    UPDATE ledger_heads SET length = NEW.chain_seq, mac = NEW.mac WHERE chain = NEW.chain;
END;

-- The chain without a name stands for the events that are outside; its length is the last one's number.
INSERT INTO ledger_heads (chain, length, mac)
    SELECT zeroblob(16), max(seq), '' FROM events HAVING count(*) > 0;
