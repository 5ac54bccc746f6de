//! The ledger as evidence: whatever somebody does to its rows, `verify` names the entry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use colonnade::auth::secrets::{Secrets, Signer};
use colonnade::db::connection::Purpose;
use colonnade::db::{Conn, Place, migrate};
use colonnade::events::anchor::{self, Notes};
use colonnade::events::verify::{Finding, Wrong, walk};
use colonnade::events::{self, Event};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::support::program::{self, SECRET, run};
use crate::support::{Client, World};

/// How many times each kind of tampering is tried.
const TIMES: u64 = 40;

/// A ledger with a dozen chains, anchored, in the hands of somebody who may do anything to the database.
struct Evidence {
    conn: Conn,
    signer: Signer,
    anchors: PathBuf,
    chains: BTreeMap<Uuid, Vec<Event>>,
    chance: u64,
    _world: World,
}

impl Evidence {
    async fn collect() -> Self {
        let world = World::new().await;
        main_line(&world).await;
        let anchors = PathBuf::from(&world.app.config.ledger.anchor_file);
        let notes = &mut Notes::new(anchors.clone());
        notes.take(&world.app).await.expect("an anchor");
        let place = Place::parse(&world.database.url).expect("a URL");
        let mut conn = place.connect(Purpose::Write).expect("a connection");
        let off = match conn {
            Conn::Sqlite(_) => {
                "DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_removed;
                 DROP TRIGGER events_move_their_head;"
            }
            Conn::Pg(_) => {
                "DROP TRIGGER events_are_append_only ON events; DROP TRIGGER events_move_their_head ON events;"
            }
        };
        conn.batch_execute(off).expect("no triggers");
        for table in ["events", "ledger_heads"] {
            let copy = format!("CREATE TABLE true_{table} AS SELECT * FROM {table}");
            conn.batch_execute(&copy).expect("a copy");
        }
        conn.batch_execute("DROP INDEX events_by_chain")
            .expect("no index");
        let mut evidence = Self {
            conn,
            signer: Secrets::new(SECRET, "").signer("ledger"),
            anchors,
            chains: BTreeMap::new(),
            chance: 0x5eed,
            _world: world,
        };
        let rows: Vec<Event> = {
            use colonnade::db::schema::events::dsl::*;
            events
                .order((chain, chain_seq))
                .select(Event::as_select())
                .load(&mut evidence.conn)
                .expect("the events")
        };
        for row in rows {
            let chain = row.chain.expect("a chain").0;
            evidence.chains.entry(chain).or_default().push(row);
        }
        evidence
    }

    /// A number below another one, other each time and the same in each run.
    fn below(&mut self, limit: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        usize::try_from(self.chance % u64::try_from(limit).expect("small")).expect("small")
    }

    /// Some chain that has so many entries at least.
    fn chain(&mut self, entries: usize) -> Vec<Event> {
        let long: Vec<Vec<Event>> = self
            .chains
            .values()
            .filter(|chain| chain.len() >= entries)
            .cloned()
            .collect();
        let at = self.below(long.len());
        long[at].clone()
    }

    fn entry(&mut self) -> Event {
        let chain = self.chain(1);
        let at = self.below(chain.len());
        chain[at].clone()
    }

    fn execute(&mut self, statement: &str) {
        self.conn
            .batch_execute(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// How this database writes an id.
    fn id(&self, id: Uuid) -> String {
        match self.conn {
            Conn::Sqlite(_) => format!("X'{}'", id.simple()),
            Conn::Pg(_) => format!("'{id}'"),
        }
    }

    /// Makes a chain's end say what an entry says, as somebody who covers their tracks would.
    fn put_head(&mut self, chain: Uuid, last: Option<&Event>) {
        let id = self.id(chain);
        let statement = match last {
            Some(last) => format!(
                "UPDATE ledger_heads SET length = {}, mac = '{}' WHERE chain = {id}",
                last.chain_seq.expect("a place"),
                last.mac.as_deref().expect("a code"),
            ),
            None => format!("DELETE FROM ledger_heads WHERE chain = {id}"),
        };
        self.execute(&statement);
    }

    fn findings(&mut self) -> Vec<Finding> {
        let ends = anchor::read(&self.anchors, &self.signer)
            .expect("anchors")
            .ends;
        let report = walk(&mut self.conn, &self.signer, ends).expect("a walk");
        assert_eq!(report.bad, report.findings.len());
        report.findings
    }

    /// Expects one finding, and puts everything back.
    #[track_caller]
    fn names(&mut self, about: &str, at: &Event, event: Option<&Event>, wrong: &[Wrong]) {
        let found = self.findings();
        let expected = |found: &Finding| {
            found.chain == at.chain.expect("a chain").0
                && Some(found.sequence) == at.chain_seq
                && found.event == event.map(|event| event.id.0)
                && wrong.contains(&found.wrong)
        };
        assert!(
            found.len() == 1 && expected(&found[0]),
            "{about} at entry {:?} of {:?} {}: {found:#?}",
            at.chain_seq,
            at.chain,
            at.kind
        );
        self.restore();
    }

    fn restore(&mut self) {
        for table in ["events", "ledger_heads"] {
            self.execute(&format!("DELETE FROM {table}"));
        }
        let columns =
            "seq, id, at, actor_kind, actor_id, kind, subject_kind, subject_id, project_id, region,
                       request_id, data, chain, chain_seq, mac";
        self.execute(&format!(
            "INSERT INTO events ({columns}) SELECT {columns} FROM true_events"
        ));
        self.execute("INSERT INTO ledger_heads SELECT * FROM true_ledger_heads");
    }
}

/// People, an application, a journey: chains of many lengths.
async fn main_line(world: &World) {
    let (call, cohort) = world.open_call(9, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    for number in 0..3 {
        let title = format!("Project {number}");
        let project = world
            .admitted(&founder, &coordinator, &call, &cohort, &title)
            .await;
        for _ in 0..number * 3 {
            let note = json!({ "note": "Well.", "confidence": "green" });
            founder
                .post(&format!("/v1/projects/{project}/updates"), note)
                .await
                .expect(201);
        }
    }
}

#[actix_web::test]
async fn an_edited_entry_is_named_whatever_was_edited() {
    let mut evidence = Evidence::collect().await;
    assert_eq!(evidence.findings(), []);
    let id = evidence.id(Uuid::from_u128(7));
    let later = match evidence.conn {
        Conn::Sqlite(_) => "at + 1",
        Conn::Pg(_) => "at + interval '1 microsecond'",
    };
    let edits = [
        format!("at = {later}"),
        "actor_kind = 'forged'".into(),
        format!("actor_id = {id}"),
        "kind = 'forged'".into(),
        "subject_kind = 'forged'".into(),
        format!("subject_id = {id}"),
        format!("project_id = {id}"),
        "region = 'forged'".into(),
        "request_id = 'forged'".into(),
        r#"data = '{"forged":true}'"#.into(),
        format!("id = {id}"),
    ];
    for edit in &edits {
        for _ in 0..TIMES / 8 {
            let mut entry = evidence.entry();
            let seq = entry.seq;
            evidence.execute(&format!("UPDATE events SET {edit} WHERE seq = {seq}"));
            if edit.starts_with("id") {
                entry.id.0 = Uuid::from_u128(7);
            }
            evidence.names(edit, &entry.clone(), Some(&entry), &[Wrong::Edited]);
        }
    }
    for _ in 0..TIMES / 8 {
        let entry = evidence.entry();
        let (seq, mac) = (entry.seq, "0".repeat(64));
        evidence.execute(&format!(
            "UPDATE events SET mac = '{mac}' WHERE seq = {seq}"
        ));
        evidence.names("mac", &entry, Some(&entry), &[Wrong::Foreign]);
    }
    assert_eq!(evidence.findings(), []);
}

#[actix_web::test]
async fn what_was_taken_out_is_missed() {
    let mut evidence = Evidence::collect().await;
    for _ in 0..TIMES {
        let chain = evidence.chain(1);
        let at = evidence.below(chain.len());
        let (entry, is_last) = (&chain[at], at + 1 == chain.len());
        evidence.execute(&format!("DELETE FROM events WHERE seq = {}", entry.seq));
        let wrong = if is_last {
            Wrong::Truncated
        } else {
            Wrong::Missing
        };
        evidence.names("delete", entry, None, &[wrong]);
        // The same, and the entries after it close the gap.
        if !is_last {
            let id = evidence.id(chain[0].chain.expect("a chain").0);
            let (seq, place) = (entry.seq, entry.chain_seq.expect("a place"));
            evidence.execute(&format!(
                "DELETE FROM events WHERE seq = {seq};
                 UPDATE events SET chain_seq = chain_seq - 1 WHERE chain = {id} AND chain_seq > {place};
                 UPDATE ledger_heads SET length = length - 1 WHERE chain = {id}"
            ));
            let next = &chain[at + 1];
            evidence.names(
                "delete and close up",
                entry,
                Some(next),
                &[Wrong::Foreign, Wrong::Edited],
            );
        }
    }
}

#[actix_web::test]
async fn an_end_that_was_cut_off_is_missed_even_if_the_chain_s_row_agrees() {
    let mut evidence = Evidence::collect().await;
    for covered in [false, true] {
        for _ in 0..TIMES {
            let chain = evidence.chain(1);
            let at = evidence.below(chain.len());
            let id = chain[0].chain.expect("a chain").0;
            let place = evidence.id(id);
            evidence.execute(&format!(
                "DELETE FROM events WHERE chain = {place} AND seq >= {}",
                chain[at].seq
            ));
            if covered {
                let last = at.checked_sub(1).map(|last| chain[last].clone());
                evidence.put_head(id, last.as_ref());
            }
            evidence.names("cut off", &chain[at], None, &[Wrong::Truncated]);
        }
    }
    // All of it.
    evidence.execute("DELETE FROM events; DELETE FROM ledger_heads");
    let found = evidence.findings();
    assert_eq!(found.len(), evidence.chains.len());
    assert!(
        found
            .iter()
            .all(|one| (one.sequence, one.wrong) == (1, Wrong::Truncated))
    );
}

#[actix_web::test]
async fn entries_that_changed_places_or_were_put_in_are_named() {
    let mut evidence = Evidence::collect().await;
    for _ in 0..TIMES {
        let chain = evidence.chain(2);
        let first = evidence.below(chain.len() - 1);
        let second = first + 1 + evidence.below(chain.len() - first - 1);
        let (one, other) = (&chain[first], &chain[second]);
        let place = |event: &Event| event.chain_seq.expect("a place");
        evidence.execute(&format!(
            "UPDATE events SET chain_seq = {} WHERE seq = {}; UPDATE events SET chain_seq = {} WHERE seq = {}",
            place(other),
            one.seq,
            place(one),
            other.seq
        ));
        evidence.names("swap", one, Some(other), &[Wrong::Swapped]);
        // The same by what they say, each keeping its number.
        evidence.execute(&format!(
            "UPDATE events SET kind = '{}', mac = '{}' WHERE seq = {};
             UPDATE events SET kind = '{}', mac = '{}' WHERE seq = {}",
            other.kind,
            other.mac.as_deref().expect("a code"),
            one.seq,
            one.kind,
            one.mac.as_deref().expect("a code"),
            other.seq
        ));
        evidence.names(
            "swap of contents",
            one,
            Some(one),
            &[Wrong::Swapped, Wrong::Foreign],
        );
        // A forged entry between two, and one at the end that the chain's row agrees with.
        for at in [second, chain.len()] {
            let forged = forge(&mut evidence, &chain, at);
            evidence.names(
                "insert",
                &forged,
                Some(&forged),
                &[Wrong::Swapped, Wrong::Foreign],
            );
        }
    }
}

/// Puts a forged entry at a place, with a code made by another key, and moves those behind it.
fn forge(evidence: &mut Evidence, chain: &[Event], at: usize) -> Event {
    let key = Secrets::new("somebody else's secret", "").signer("ledger");
    let chain_id = chain[0].chain.expect("a chain").0;
    let mut forged = chain[0].clone();
    forged.id.0 = Uuid::now_v7();
    forged.chain_seq = Some(i64::try_from(at + 1).expect("small"));
    forged.mac = Some(events::code(
        &key,
        chain[at - 1].mac.as_deref().expect("a code"),
        &forged,
    ));
    let (id, own) = (evidence.id(chain_id), evidence.id(forged.id.0));
    let (place, mac) = (at + 1, forged.mac.clone().expect("a code"));
    evidence.execute(&format!(
        "UPDATE events SET chain_seq = chain_seq + 1 WHERE chain = {id} AND chain_seq >= {place};
         INSERT INTO events (seq, id, at, actor_kind, actor_id, kind, subject_kind, subject_id, project_id, region,
                             request_id, data, chain, chain_seq, mac)
         SELECT (SELECT max(seq) + 1 FROM events), {own}, at, actor_kind, actor_id, kind, subject_kind, subject_id,
                project_id, region, request_id, data, chain, {place}, '{mac}'
         FROM events WHERE seq = {};
         UPDATE ledger_heads SET length = length + 1 WHERE chain = {id}",
        chain[0].seq
    ));
    if at == chain.len() {
        evidence.put_head(chain_id, Some(&forged));
    }
    forged
}

/// Edits an entry and signs it and all that follow anew with a key.
fn rewrite(evidence: &mut Evidence, chain: &[Event], from: usize, key: &Signer) -> Vec<Event> {
    let mut previous = from
        .checked_sub(1)
        .map_or_else(String::new, |at| chain[at].mac.clone().expect("a code"));
    let mut written = Vec::new();
    for event in &chain[from..] {
        let mut event = event.clone();
        event.request_id = "forged".into();
        let mac = events::code(key, &previous, &event);
        evidence.execute(&format!(
            "UPDATE events SET request_id = 'forged', mac = '{mac}' WHERE seq = {}",
            event.seq
        ));
        event.mac = Some(mac.clone());
        previous = mac;
        written.push(event);
    }
    evidence.put_head(chain[0].chain.expect("a chain").0, written.last());
    written
}

#[actix_web::test]
async fn a_chain_written_anew_is_named_where_that_begins_or_where_it_was_anchored() {
    let mut evidence = Evidence::collect().await;
    let foreign = Secrets::new("somebody else's secret", "").signer("ledger");
    let own = Secrets::new(SECRET, "").signer("ledger");
    for _ in 0..TIMES {
        let chain = evidence.chain(1);
        let from = evidence.below(chain.len());
        rewrite(&mut evidence, &chain, from, &foreign);
        evidence.names(
            "rewrite",
            &chain[from],
            Some(&chain[from]),
            &[Wrong::Foreign],
        );
        // Who has the key as well is betrayed by the anchor.
        rewrite(&mut evidence, &chain, from, &own);
        let last = &chain[chain.len() - 1];
        evidence.names("rewrite with the key", last, Some(last), &[Wrong::Anchored]);
    }
}

#[actix_web::test]
async fn rows_beside_the_chains_are_named_too() {
    let mut evidence = Evidence::collect().await;
    for _ in 0..TIMES / 4 {
        let chain = evidence.chain(2);
        let (id, last) = (chain[0].chain.expect("a chain").0, &chain[chain.len() - 1]);
        let place = evidence.id(id);
        evidence.execute(&format!(
            "UPDATE ledger_heads SET length = length - 1 WHERE chain = {place}"
        ));
        evidence.names("length", last, Some(last), &[Wrong::Head]);
        evidence.execute(&format!(
            "UPDATE ledger_heads SET mac = 'x' WHERE chain = {place}"
        ));
        evidence.names("head's code", last, Some(last), &[Wrong::Head]);
        evidence.put_head(id, None);
        evidence.names("no head", last, Some(last), &[Wrong::Head]);
        evidence.execute(&format!(
            "UPDATE events SET chain = NULL, chain_seq = NULL WHERE seq = {}",
            chain[0].seq
        ));
        let found = evidence.findings();
        let wrongs: Vec<Wrong> = found.iter().map(|one| one.wrong).collect();
        assert_eq!(wrongs, [Wrong::Outside, Wrong::Missing]);
        evidence.restore();
        // The feed's order is not signed, but within a chain it can't be turned round.
        evidence.execute(&format!(
            "UPDATE events SET seq = -1 WHERE seq = {}",
            last.seq
        ));
        evidence.names("number", last, Some(last), &[Wrong::Swapped]);
    }
}

/// A person who reports on a project, again and again.
async fn write(client: Client, project: String, times: usize) {
    let path = format!("/v1/projects/{project}/updates");
    for _ in 0..times {
        let note = json!({ "note": "Well.", "confidence": "green" });
        client.post(&path, note).await.expect(201);
    }
}

#[actix_web::test]
async fn many_writers_leave_no_hole() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let outsider = world.founder("Eve").await;
    let mut projects = Vec::new();
    for number in 0..4 {
        projects.push(world.project(&founder, &format!("Project {number}")).await);
    }
    let writers = (0..64).map(|number| {
        let project = projects[number % 4].clone();
        write(founder.clone(), project, 4)
    });
    let refused = async {
        for number in 0..40 {
            let path = format!("/v1/projects/{}/updates", projects[number % 4]);
            let note = json!({ "note": "Well.", "confidence": "green" });
            outsider.post(&path, note).await.refused(404, "not-found");
        }
    };
    futures_util::future::join(futures_util::future::join_all(writers), refused).await;
    for project in &projects {
        let id = if world.database.url.starts_with("sqlite") {
            format!("X'{}'", project.replace('-', ""))
        } else {
            format!("'{project}'")
        };
        let sequences = world.database.texts(&format!(
            "SELECT cast(chain_seq AS text) AS t FROM events WHERE chain = {id} ORDER BY chain_seq"
        ));
        let expected: Vec<String> = (1..=65).map(|number| number.to_string()).collect();
        assert_eq!(sequences, expected);
    }
    let place = Place::parse(&world.database.url).expect("a URL");
    let mut conn = place.connect(Purpose::Read).expect("a connection");
    let report = walk(&mut conn, &world.app.ledger, BTreeMap::new()).expect("a walk");
    assert_eq!(report.findings, []);
    assert_eq!(report.events, world.count("events"));
}

#[actix_web::test]
async fn anchors_are_chained_themselves_and_outlive_a_crash() {
    let world = World::new().await;
    let file = PathBuf::from(&world.app.config.ledger.anchor_file);
    let mut notes = Notes::new(file.clone());
    notes.take(&world.app).await.expect("an anchor");
    notes.take(&world.app).await.expect("nothing new");
    let read = || anchor::read(&file, &world.app.ledger);
    assert_eq!(read().expect("anchors").number, 1);
    let founder = world.founder("Ada").await;
    notes.take(&world.app).await.expect("an anchor");
    // A crash in mid-line, and a second instance that writes into the same file.
    let mut torn = std::fs::read_to_string(&file).expect("the file");
    torn.push_str("{\"anchor\":{\"number\":3,");
    std::fs::write(&file, &torn).expect("the file");
    assert_eq!(read().expect("anchors").number, 2);
    world.project(&founder, "Sangalux").await;
    let (second, _) = world.second_instance();
    let mut others = Notes::new(file.clone());
    others.take(&second).await.expect("an anchor");
    assert_eq!(read().expect("anchors").number, 3);
    world.project(&founder, "Nightlight").await;
    notes.take(&world.app).await.expect("an anchor");
    let anchors = read().expect("anchors");
    assert_eq!(anchors.number, 4);
    let heads = world.count("ledger_heads");
    assert_eq!(i64::try_from(anchors.ends.len()).expect("few"), heads);

    let text = std::fs::read_to_string(&file).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.fold(String::new(), |text, (_, line)| text + line + "\n")
    };
    for (bad, line) in [
        (without(0), 1),
        (without(1), 2),
        (text.replacen(",1,\"", ",2,\"", 1), 1),
        (text.replace("\"number\":3", "\"number\":5"), 3),
    ] {
        std::fs::write(&file, bad).expect("the file");
        let error = read().expect_err("a bad line").to_string();
        assert!(error.starts_with(&format!("line {line} ")), "{error}");
        let mut fresh = Notes::new(file.clone());
        fresh.take(&world.app).await.expect_err("a bad file");
    }
}

#[actix_web::test]
async fn the_command_says_what_is_wrong_and_fails() {
    let world = World::new().await;
    main_line(&world).await;
    let anchors = world.app.config.ledger.anchor_file.clone();
    let notes = &mut Notes::new(PathBuf::from(&anchors));
    notes.take(&world.app).await.expect("an anchor");
    let count = world.count("events");
    let (folder, database) = world.leave().await;
    let environment = program::environment(&database.url, folder.path());
    let whole = run(&environment, &["verify"], "");
    assert!(whole.success, "{}{}", whole.out, whole.err);
    assert!(whole.out.contains("anchor 1 of"), "{}", whole.out);
    assert!(
        whole.out.contains(&format!("{count} events")),
        "{}",
        whole.out
    );
    assert!(whole.out.contains("the ledger is whole"), "{}", whole.out);

    let mut stranger = environment.clone();
    stranger.push(("COLONNADE__LEDGER__SECRET", "x".repeat(32)));
    let ended = run(&stranger, &["verify"], "");
    assert!(!ended.success);
    assert!(ended.err.contains("line 1 was edited"), "{}", ended.err);
    let ended = run(&environment, &["verify", "--anchors", "/nowhere"], "");
    assert!(!ended.success);
    assert!(ended.err.contains("/nowhere"), "{}", ended.err);

    let last = "SELECT max(seq) FROM events";
    let off = if database.url.starts_with("sqlite") {
        "DROP TRIGGER events_are_never_removed"
    } else {
        "DROP TRIGGER events_are_append_only ON events"
    };
    database.execute(off);
    database.execute(&format!("DELETE FROM events WHERE seq = ({last})"));
    let cut = run(&environment, &["verify"], "");
    assert!(!cut.success);
    assert!(cut.out.contains("the chain was cut off"), "{}", cut.out);
    assert!(
        cut.err.contains("chains with a bad entry: 1"),
        "{}",
        cut.err
    );
}

/// An event as the release before the chains wrote it.
fn unchained(is_sqlite: bool, number: u32) -> String {
    let (id, at) = if is_sqlite {
        (format!("X'{number:032x}'"), "0".to_owned())
    } else {
        (format!("'{number:032x}'"), "now()".to_owned())
    };
    format!(
        "INSERT INTO events (id, at, actor_kind, kind, subject_kind, subject_id, request_id, data)
         VALUES ({id}, {at}, 'system', 'a.b', 'a', {id}, 'r', '{{}}')"
    )
}

#[test]
fn events_older_than_the_chains_are_counted_and_no_new_ones_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = crate::support::database::empty(folder.path());
    let place = Place::parse(&database.url).expect("a URL");
    let (is_sqlite, signer) = (place.is_sqlite(), Secrets::new(SECRET, "").signer("ledger"));
    migrate::run(&place).expect("up");
    let name = "2026-11-22-000011_ledger_chain";
    let server = if is_sqlite { "sqlite" } else { "postgres" };
    let down = format!(
        "{}/migrations/{server}/{name}/down.sql",
        env!("CARGO_MANIFEST_DIR")
    );
    database.execute(&std::fs::read_to_string(down).expect("the way back"));
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261122000011'");
    database.execute(&unchained(is_sqlite, 1));
    database.execute(&unchained(is_sqlite, 2));
    assert_eq!(migrate::run(&place).expect("up again"), 1);
    let mut conn = place.connect(Purpose::Read).expect("a connection");
    let mut look = || walk(&mut conn, &signer, BTreeMap::new()).expect("a walk");
    let report = look();
    assert_eq!((report.outside, report.events, report.bad), (2, 0, 0));
    database.execute(&unchained(is_sqlite, 3));
    let report = look();
    assert_eq!((report.outside, report.bad), (3, 1));
    assert_eq!(report.findings[0].wrong, Wrong::Outside);
    assert_eq!(report.findings[0].event, Some(Uuid::from_u128(3)));
}

#[actix_web::test]
async fn the_server_anchors_at_its_start_and_at_its_end() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let token = founder.token.clone().expect("a token");
    let (folder, database) = world.leave().await;
    let environment = program::environment(&database.url, folder.path());
    let file = folder.path().join("anchors");
    let number = || {
        let signer = Secrets::new(SECRET, "").signer("ledger");
        anchor::read(&file, &signer).map_or(0, |anchors| anchors.number)
    };
    let server = program::Server::start(&environment).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while number() == 0 {
        assert!(std::time::Instant::now() < until, "no anchor");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let body = crate::support::world::new_project("Sangalux");
    let ada = Client::stranger(&server.base).with_token(&token, &founder.id);
    ada.post("/v1/projects", body).await;
    let body = json!({ "email": "ada@example.org", "password": "wrong horse battery" });
    let failed = ada.post("/v1/sessions", body).await;
    assert_eq!(failed.status, 401);
    server.terminate();
    let code = server.end(std::time::Duration::from_secs(30)).await;
    assert_eq!(code, Some(0));
    assert_eq!(number(), 2);
    let whole = run(&environment, &["verify"], "");
    assert!(whole.success, "{}{}", whole.out, whole.err);
}
