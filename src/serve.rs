//! The server: socket, middleware in order, worker, graceful stop.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{HttpServer, web};
use anyhow::{Context, bail};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::app::{App, declare};
use crate::auth::guard::guard;
use crate::config::Config;
use crate::db::migrate;
use crate::events::anchor::Notes;
use crate::http::{Routes, middleware, pages};
use crate::{accounts, clock, jobs, sessions, telemetry, throttle};

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the configuration, the database or the address does not allow it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let place = config.place()?;
    if config.database.migrate_on_serve {
        let applied = migrate::run(&place)?;
        tracing::info!(applied, "migrations");
    }
    let pending = migrate::pending(&place)?;
    if !pending.is_empty() {
        bail!(
            "these migrations are pending: {}. Run `colonnade migrate` first, or set database.migrate_on_serve",
            pending.join(", ")
        );
    }
    let app = App::new(
        config,
        Arc::new(clock::SystemClock),
        Arc::new(clock::SystemChance),
    )?;
    run_app(Arc::new(app)).await
}

/// Serves an instance that is put together already.
///
/// # Errors
/// When its address can't be had.
pub async fn run_app(app: Arc<App>) -> anyhow::Result<()> {
    let listener = listen(&app.config)?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let server = start(app.clone(), listener, telemetry::start_metrics())?;
    let worker = actix_web::rt::spawn(jobs::run(app.clone()));
    let keeper = actix_web::rt::spawn(keep_house(app.clone()));
    let anchors = app.config.anchor_file()?;
    let anchorer = actix_web::rt::spawn(keep_anchors(app.clone(), Notes::new(anchors.clone())));
    let stopper = actix_web::rt::spawn(stop_on_signal(app.clone(), server.handle()));
    server.await?;
    app.stop();
    // The worker finishes what it has in hand; what it has not begun goes back to the queue.
    let _ = tokio::time::timeout(
        Duration::from_secs(app.config.server.shutdown_seconds),
        worker,
    )
    .await;
    // Whoever holds the instance lets go of it while the runtime lives, because the mail pool ends on that.
    for task in [keeper, stopper, anchorer] {
        task.abort();
        let _ = task.await;
    }
    anchor(&app, &mut Notes::new(anchors)).await;
    tracing::info!("stopped");
    Ok(())
}

fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    TcpListener::bind(&config.server.listen)
        .with_context(|| format!("listening on {}", config.server.listen))
}

/// The HTTP server over a socket.
///
/// # Errors
/// When the socket can't be used.
pub fn start(
    app: Arc<App>,
    listener: TcpListener,
    metrics: Option<PrometheusHandle>,
) -> anyhow::Result<Server> {
    let settings = &app.config.server;
    let (workers, shutdown) = (settings.workers, settings.shutdown_seconds);
    let app = web::Data::from(app);
    let metrics = web::Data::new(metrics);
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .app_data(metrics.clone())
            .app_data(
                web::PathConfig::default()
                    .error_handler(|_, _| crate::error::Error::not_found().into()),
            )
            .wrap(from_fn(guard))
            .wrap(from_fn(middleware::surround))
            .configure(|cfg| declare(&mut Routes::new(cfg)))
            .configure(pages::register)
            .default_service(web::to(middleware::nothing_here))
    })
    .workers(workers)
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(2))
    .keep_alive(Duration::from_mins(1))
    .shutdown_timeout(shutdown)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}

async fn stop_on_signal(app: Arc<App>, server: ServerHandle) {
    wait_for_signal().await;
    tracing::info!("stopping: no new requests, finishing those in hand");
    app.stop();
    server.stop(true).await;
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Anchors the ledger at the start and from time to time; a stop does it once more.
async fn keep_anchors(app: Arc<App>, mut notes: Notes) {
    let pause = Duration::from_secs(app.config.ledger.anchor_minutes * 60);
    loop {
        anchor(&app, &mut notes).await;
        tokio::time::sleep(pause).await;
    }
}

async fn anchor(app: &App, notes: &mut Notes) {
    if let Err(error) = notes.take(app).await {
        tracing::error!(error = format!("{error:#}"), "the ledger was not anchored");
    }
}

/// Forgets, now and then, what has no further use.
async fn keep_house(app: Arc<App>) {
    loop {
        tokio::time::sleep(Duration::from_hours(1)).await;
        let now = app.clock.now();
        let kept = app
            .db
            .write(move |conn| {
                crate::http::idempotency::forget_old(conn, now)?;
                accounts::forget_old(conn, now)?;
                throttle::forget_old(conn, now)?;
                Ok(sessions::forget_old(conn, now)?)
            })
            .await;
        if let Err(error) = kept {
            tracing::warn!(error = %error, "old rows were not forgotten");
        }
    }
}
