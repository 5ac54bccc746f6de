//! Full and read-only disks: writes are refused in order, reads go on, and it heals by itself.

use std::time::{Duration, Instant};

use super::load::{Ground, ground};
use crate::support::program::{self, Server};
use crate::support::volume::Volume;
use crate::support::world::new_project;
use crate::support::{Client, database, say, sql};

/// Refused as it should be: a problem that says when to come again.
fn is_in_order(answer: crate::support::Answer) {
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
    answer.refused(503, "database-unavailable");
}

/// Somebody of this ground who speaks to a server over another database.
async fn serve_from(ground: &mut Ground, url: &str) -> (Server, Client) {
    ground.environment[0].1 = url.to_owned();
    // It has an error to tell for each write.
    let quiet = ("COLONNADE__LOG__FILTER", "off".to_owned());
    ground.environment.push(quiet);
    let server = Server::start(&ground.environment).await;
    let mut client = ground.founder.clone();
    client.base.clone_from(&server.base);
    (server, client)
}

/// Writes until twenty were refused; says how many were taken.
async fn fill(client: &Client) -> usize {
    let (mut taken, mut refused) = (0, 0);
    while refused < 20 {
        let mut body = new_project(&format!("full-{taken}"));
        body["summary"] = "A long summary. ".repeat(100).into();
        let answer = client.post("/v1/projects", body).await;
        if answer.status == 201 {
            taken += 1;
        } else {
            is_in_order(answer);
            refused += 1;
        }
        assert!(taken < 20_000, "the disk does not get full");
    }
    taken
}

#[actix_web::test]
async fn a_full_disk_refuses_writes_and_heals() {
    if database::server().is_some() {
        // One full tablespace keeps the whole server from its checkpoints, and other tests are on it.
        return say("full disk: not tried on PostgreSQL, whose server keeps its own disk");
    }
    let mut ground = ground().await;
    let size = ground.database.size();
    let Some(disk) = Volume::in_memory(size + 8000) else {
        return say("full disk: NOT TRIED, mounting is not permitted here");
    };
    let copy = ground.database.copy_onto(&disk.path);
    let (server, client) = serve_from(&mut ground, &copy.url).await;
    let taken = fill(&client).await;
    assert!(taken > 10, "{taken}");
    client.get("/v1/projects?limit=5").await.expect(200);
    client.get("/health/ready").await.expect(200);
    let count = "SELECT count(*) AS n FROM projects WHERE title LIKE 'full-%'";
    let rows = usize::try_from(sql::number(&copy.url, count));
    assert_eq!(rows, Ok(taken), "rows are what was acknowledged");

    assert!(disk.remount(&format!("size={}k", size + 48_000)));
    let grown = Instant::now();
    while client
        .post("/v1/projects", new_project("healed"))
        .await
        .status
        != 201
    {
        assert!(grown.elapsed() < Duration::from_secs(5), "it does not heal");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let check = "SELECT integrity_check AS t FROM pragma_integrity_check";
    assert_eq!(sql::texts(&copy.url, check), ["ok"]);
    drop(server);
    say(&format!("full disk: {taken} acknowledged, all there"));
}

#[actix_web::test]
async fn a_disk_that_turns_read_only_is_still_read() {
    if database::server().is_some() {
        return; // The server's own disk, which PostgreSQL does not survive either.
    }
    let Some(disk) = Volume::ext4(64) else {
        return say("read-only disk: NOT TRIED, mounting an image is not permitted here");
    };
    let mut ground = ground().await;
    let copy = ground.database.copy_onto(&disk.path);
    let (server, client) = serve_from(&mut ground, &copy.url).await;
    let before = client.post("/v1/projects", new_project("before")).await;
    let id = before.expect(201).text_at("/id");
    if !disk.remount("abort") {
        return say("read-only disk: NOT TRIED, the file system can't be aborted here");
    }
    for _ in 0..5 {
        is_in_order(client.post("/v1/projects", new_project("after")).await);
        client.get(&format!("/v1/projects/{id}")).await.expect(200);
    }
    drop(server);
}

#[actix_web::test]
async fn a_start_on_a_read_only_disk_says_so_in_one_line() {
    if database::server().is_some() {
        return;
    }
    let mut ground = ground().await;
    let Some(disk) = Volume::in_memory(ground.database.size() + 1000) else {
        return say("read-only start: NOT TRIED, mounting is not permitted here");
    };
    let copy = ground.database.copy_onto(&disk.path);
    assert!(disk.remount("ro"));
    ground.environment[0].1.clone_from(&copy.url);
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"]] {
        let ended = program::run(&ground.environment, arguments, "");
        assert!(!ended.success, "{arguments:?}");
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.starts_with("colonnade: "), "{}", ended.err);
        assert!(ended.err.contains("database"), "{}", ended.err);
    }
}
