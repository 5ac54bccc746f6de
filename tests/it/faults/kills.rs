//! Kill -9 under 64 clients, again and again: what was acknowledged is there, once, and everybody hears of it.

use std::collections::BTreeSet;

use super::load::{
    CONNECTIONS, Kept, Writer, everyone_was_told, ground, load, nothing_is_lost_or_doubled,
    until_drained,
};
use crate::support::program::Server;
use crate::support::{say, scaled, sql};

#[actix_web::test]
async fn kill_9_loses_and_doubles_nothing() {
    let ground = ground().await;
    let url = &ground.database.url;
    let mut writers = Writer::all(&ground);
    let kills = scaled(3, 200);
    for round in 0..kills {
        let server = Server::start(&ground.environment).await;
        let base = server.base.clone();
        let kill = async move { server.kill() };
        load(&mut writers, &base, 150 + 20 * (round % 5), kill).await;
    }
    let server = Server::start(&ground.environment).await;
    let kept: Vec<&Kept> = writers.iter().flat_map(|writer| &writer.kept).collect();
    assert!(kept.len() >= kills * 150, "{}", kept.len());
    nothing_is_lost_or_doubled(url, &kept);
    for one in kept.iter().step_by(7) {
        let mut writer = Writer::all(&ground).swap_remove(one.by);
        writer.client.base.clone_from(&server.base);
        let again = writer.ask(&one.write).send().await.expect(201);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(again.text, one.answer);
    }
    until_drained(url).await;
    nothing_is_lost_or_doubled(url, &kept);
    everyone_was_told(url);
    let letters = ground.sink.letters();
    let ids: BTreeSet<&String> = letters.iter().map(|letter| &letter.message_id).collect();
    let mails = sql::number(url, "SELECT count(*) AS n FROM mails");
    assert_eq!(i64::try_from(ids.len()), Ok(mails), "each mail has come");
    let copies = letters.len() - ids.len();
    assert!(copies <= kills * CONNECTIONS, "{copies} copies");
    say(&format!(
        "kill -9: {kills} kills, {} acknowledged, 0 lost, 0 doubled, {copies} second copies of {mails} mails",
        kept.len()
    ));
}
