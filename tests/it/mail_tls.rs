//! Mail inside TLS: what is trusted, what is not, and what never goes out in clear.

use chrono::Duration;
use colonnade::app::App;
use colonnade::config::{Config, Tls};
use colonnade::jobs;
use serde_json::Value;

use crate::support::world::app;
use crate::support::{Setup, Sink, World};

/// The settings that fit a sink with TLS.
fn fitting(config: &mut Config, sink: &Sink, tls: Tls) {
    config.mail.host = "localhost".into();
    config.mail.tls = tls;
    if let Some(authority) = &sink.authority {
        config.mail.ca_file = authority.display().to_string();
    }
}

/// A world with one mail that waits, and its sink.
async fn waiting(sink: Sink) -> World {
    let world = World::with(Setup {
        smtp: Some(sink),
        ..Setup::default()
    })
    .await;
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    world.submitted(&founder, &project, &call).await;
    world
}

/// The world's program with other mail settings.
fn instance(world: &World, tls: Tls, adjust: impl Fn(&mut Config)) -> std::sync::Arc<App> {
    let mut config = world.app.config.clone();
    let sink = world.smtp.as_ref().expect("the mail server");
    fitting(&mut config, sink, tls);
    adjust(&mut config);
    app(config, &world.clock)
}

async fn queued(world: &World) -> Vec<Value> {
    let admin = world.admin().await;
    admin.list("/v1/mails?state=queued").await
}

#[actix_web::test]
async fn mail_leaves_inside_tls_with_the_sign_in() {
    for (how, tls) in [("starttls", Tls::Starttls), ("tls", Tls::Tls)] {
        let world = waiting(Sink::start_with_tls(how)).await;
        let worker = instance(&world, tls, |_| ());
        worker.mailer.test().await.expect("a way out");
        jobs::drain(&worker).await.expect("the worker");
        let sink = world.smtp.as_ref().expect("the mail server");
        let letters = sink.letters();
        assert_eq!(letters.len(), 1, "{how}");
        assert_eq!(letters[0].to, "ada@example.org");
        let clear = sink.heard_in_clear();
        for word in ["AUTH", "MAIL", "ada@example.org"] {
            assert!(!clear.contains(word), "{how}: {clear}");
        }
        assert_eq!(clear.contains("STARTTLS"), how == "starttls", "{clear}");
    }
}

#[actix_web::test]
async fn a_certificate_that_is_not_trusted_gets_no_mail() {
    let unknown: fn(&mut Config) = |config| config.mail.ca_file = String::new();
    let foreign: fn(&mut Config) = |config| config.mail.host = "127.0.0.1".into();
    let cases = [(unknown, "UnknownIssuer"), (foreign, "not valid for name")];
    for (how, tls) in [("starttls", Tls::Starttls), ("tls", Tls::Tls)] {
        for (adjust, why) in cases {
            let world = waiting(Sink::start_with_tls(how)).await;
            let worker = instance(&world, tls, adjust);
            jobs::drain(&worker).await.expect("the worker");
            let queued = queued(&world).await;
            assert_eq!(queued.len(), 1, "{how}, {why}: it may leave later");
            let error = queued[0]["last_error"].as_str().expect("an error");
            assert!(error.starts_with("no TLS with the mail server"), "{error}");
            assert!(error.contains(why), "{error}");
            assert!(worker.mailer.test().await.is_err());
            let sink = world.smtp.as_ref().expect("the mail server");
            assert_eq!(sink.letters().len(), 0);
            assert!(!sink.heard_in_clear().contains("AUTH"));

            world.pass(Duration::seconds(30));
            let mended = instance(&world, tls, |_| ());
            jobs::drain(&mended).await.expect("the worker");
            assert_eq!(sink.letters().len(), 1);
        }
    }
}

#[actix_web::test]
async fn a_server_without_starttls_hears_neither_mail_nor_password() {
    let world = waiting(Sink::start(0)).await;
    let worker = instance(&world, Tls::Starttls, |_| ());
    jobs::drain(&worker).await.expect("the worker");
    let queued = queued(&world).await;
    assert_eq!(queued.len(), 1);
    let why = "the mail server does not offer what is needed";
    assert_eq!(queued[0]["last_error"], why);
    let sink = world.smtp.as_ref().expect("the mail server");
    assert_eq!(sink.letters().len(), 0);
    let clear = sink.heard_in_clear();
    assert!(clear.starts_with("EHLO "), "it was asked: {clear}");
    for word in ["AUTH", "MAIL", "ada@example.org"] {
        assert!(!clear.contains(word), "{clear}");
    }
}

#[actix_web::test]
async fn an_authority_that_is_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("authority.pem");
    let mail = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&file, text).expect("a file");
        }
        let mut config = Config::load(None, &[]).expect("defaults");
        config.mail.transport = colonnade::config::Transport::Smtp;
        config.mail.host = "localhost".into();
        config.mail.ca_file = file.display().to_string();
        let error = colonnade::mail::Mailer::new(&config.mail).err();
        format!("{:#}", error.expect("a mistake"))
    };
    let broken = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
    for text in [None, Some("nothing of the kind"), Some(broken)] {
        let said = mail(text);
        assert!(said.contains("mail.ca_file"), "{said}");
        assert!(said.contains("authority.pem"), "{said}");
    }
}
