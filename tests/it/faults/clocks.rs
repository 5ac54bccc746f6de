//! A clock that jumps, forwards a day and back three, under an instance at work.
//!
//! What has a date (tokens, leases, tries, stored answers) goes by `App::clock`; what waits or measures (queues,
//! time limits, the worker's pauses) goes by the time that has passed, which no setting of a clock changes.

use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use chrono::Duration as Span;
use colonnade::config::{Config, Tls, Transport};
use colonnade::jobs;

use crate::support::world::PASSWORD;
use crate::support::{Client, Setup, World, sql};

async fn world(adjust: fn(&mut Config)) -> World {
    World::with(Setup {
        smtp: None,
        adjust: Some(adjust),
    })
    .await
}

fn quick(config: &mut Config) {
    config.auth.access_minutes = 15;
    config.notifications.poll_milliseconds = 100;
}

/// Mail that can't leave.
fn stuck(config: &mut Config) {
    quick(config);
    config.mail.transport = Transport::Smtp;
    config.mail.host = "127.0.0.1".into();
    config.mail.port = 1;
    config.mail.tls = Tls::None;
}

/// Ada signs in and hands in an application, which queues one mail.
async fn apply(world: &World, founder: &Client, call: &str) {
    let ada = world
        .sign_in("ada@example.org", PASSWORD, &founder.id)
        .await;
    let project = world.project(&ada, "Sangalux").await;
    world.submitted(&ada, &project, call).await;
}

/// Until so many mails have left.
async fn until_sent(world: &World, count: i64) {
    let sent = "SELECT count(*) AS n FROM mails WHERE state = 'sent'";
    let begun = Instant::now();
    while sql::number(&world.database.url, sent) < count {
        assert!(begun.elapsed() < Duration::from_secs(10), "no mail leaves");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Ends the worker while the runtime lives.
async fn end(worker: JoinHandle<()>) {
    worker.abort();
    let _ = worker.await;
}

#[actix_web::test]
async fn the_worker_and_tokens_bear_a_clock_that_jumps() {
    let world = world(quick).await;
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    let worker = actix_web::rt::spawn(jobs::run(world.app.clone()));
    apply(&world, &founder, &call).await;
    until_sent(&world, 1).await;

    world.pass(Span::days(1));
    founder.get("/v1/me").await.refused(401, "token-expired");
    apply(&world, &founder, &call).await;
    until_sent(&world, 2).await;

    let ahead = world
        .sign_in("ada@example.org", PASSWORD, &founder.id)
        .await;
    world.pass(Span::days(-3));
    ahead.get("/v1/me").await.refused(401, "token-not-accepted");
    apply(&world, &founder, &call).await;
    until_sent(&world, 3).await;
    assert!(!worker.is_finished());
    end(worker).await;
}

#[actix_web::test]
async fn work_of_a_clock_that_was_ahead_does_not_wait_for_it() {
    let world = world(quick).await;
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    // In hand of an instance that is gone when the clock is set right; other work was not begun.
    apply(&world, &founder, &call).await;
    let taken = "UPDATE jobs SET lease_until = run_at, leased_by = 'somebody'";
    world.database.execute(taken);
    apply(&world, &founder, &call).await;
    world.pass(Span::days(-3));
    let worker = actix_web::rt::spawn(jobs::run(world.app.clone()));
    until_sent(&world, 2).await;
    end(worker).await;
}

#[actix_web::test]
async fn a_clock_that_jumps_makes_no_storm_of_tries() {
    let world = world(stuck).await;
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    let worker = actix_web::rt::spawn(jobs::run(world.app.clone()));
    apply(&world, &founder, &call).await;
    let tries = "SELECT coalesce(sum(attempts), 0) AS n FROM jobs";
    let jumps = [1, -3, 1, 1];
    for days in jumps {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.pass(Span::days(days));
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    end(worker).await;
    let tries = sql::number(&world.database.url, tries);
    assert!((2..=5).contains(&tries), "{tries} tries");
}
