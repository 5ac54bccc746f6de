-- Each event is an entry of a chain: the project's, or else its subject's (docs/adr/0009). Events that are older than
-- the chains stay outside.
ALTER TABLE events ADD COLUMN chain uuid;
ALTER TABLE events ADD COLUMN chain_seq bigint;
ALTER TABLE events ADD COLUMN mac text;
CREATE UNIQUE INDEX events_by_chain ON events (chain, chain_seq);

-- The end of each chain. Its row is what an appending transaction locks. Room on each page lets a row move within it.
CREATE TABLE ledger_heads (
    chain uuid PRIMARY KEY NOT NULL,
    length bigint NOT NULL,
    mac text NOT NULL
) WITH (fillfactor = 50);
CREATE FUNCTION move_ledger_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ledger_heads SET length = NEW.chain_seq, mac = NEW.mac WHERE chain = NEW.chain;
    RETURN NULL;
END $$;
CREATE TRIGGER events_move_their_head AFTER INSERT ON events
    FOR EACH ROW WHEN (NEW.chain IS NOT NULL) EXECUTE FUNCTION move_ledger_head();

-- The chain without a name stands for the events that are outside; its length is the last one's number.
INSERT INTO ledger_heads (chain, length, mac)
    SELECT '00000000-0000-0000-0000-000000000000', max(seq), '' FROM events HAVING count(*) > 0;
