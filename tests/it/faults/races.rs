//! Races for one thing: no update is lost, no place is given twice.

use futures_util::{StreamExt, future, stream};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Client, World, database, say, scaled};

/// As many instances as the database can have, as addresses.
fn instances(world: &World) -> Vec<String> {
    let mut bases = vec![world.stranger.base.clone()];
    if database::server().is_some() {
        bases.push(world.second_instance().1.base);
    }
    bases
}

/// Reads a number, adds one, writes it back, so many times; says how often that was taken.
async fn count_up(client: Client, path: String, times: usize) -> (usize, usize) {
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..times {
        let read = client.get(&path).await.expect(200);
        let summary = read.text_at("/summary");
        let counted = summary.trim_start_matches("Counted ").parse::<usize>();
        let next = counted.expect("a number") + 1;
        let body = json!({ "summary": format!("Counted {next}") });
        let written = client.patch(&path, &read.header("etag"), body).await;
        match written.status {
            StatusCode::OK => taken += 1,
            StatusCode::PRECONDITION_FAILED => refused += 1,
            _ => panic!("{}", written.text),
        }
    }
    (taken, refused)
}

#[actix_web::test]
async fn no_update_is_lost() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let path = format!("/v1/projects/{}", world.project(&founder, "Sangalux").await);
    let zero = json!({ "summary": "Counted 0" });
    founder.patch(&path, "*", zero).await.expect(200);
    let (bases, times) = (instances(&world), scaled(8, 1000));
    let clients = (0..32).map(|number| {
        let mut client = founder.clone();
        client.base.clone_from(&bases[number % bases.len()]);
        count_up(client, path.clone(), times)
    });
    let counts = future::join_all(clients).await;
    let (taken, refused) = counts
        .iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(taken + refused, 32 * times);
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
    let read = founder.get(&path).await.expect(200);
    assert_eq!(read.text_at("/summary"), format!("Counted {taken}"));
    say(&format!(
        "lost updates: {taken} taken, {refused} refused as stale, 0 lost"
    ));
}

#[actix_web::test]
async fn a_cohort_takes_as_many_as_it_has_places() {
    let world = World::new().await;
    let places = scaled(5, 20);
    let capacity = i32::try_from(places).expect("a capacity");
    let (call, cohort) = world.open_call(capacity, &[]).await;
    let founder = world.founder("Ada").await;
    let coordinator = world.coordinator("Carl", "BE1").await;
    let mut applications = Vec::new();
    for number in 0..scaled(24, 500) {
        let project = world.project(&founder, &format!("Project {number}")).await;
        applications.push(world.submitted(&founder, &project, &call).await);
    }
    let bases = instances(&world);
    let accept = |(number, application): (usize, &String)| {
        let mut client = coordinator.clone();
        client.base.clone_from(&bases[number % bases.len()]);
        let path = format!("/v1/applications/{application}/decision");
        let body = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn" });
        async move { client.post_seen(&path, body).await }
    };
    let answers: Vec<_> = stream::iter(applications.iter().enumerate().map(accept))
        .buffer_unordered(64)
        .collect()
        .await;
    let mut accepted = 0;
    for answer in answers {
        if answer.status == StatusCode::OK {
            accepted += 1;
        } else {
            answer.refused(409, "cohort-full");
        }
    }
    assert_eq!(accepted, places);
    say(&format!(
        "places: {} asked for {places}, {accepted} got one",
        applications.len()
    ));
}
