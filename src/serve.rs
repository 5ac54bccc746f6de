//! The server: socket, middleware in order, worker, graceful stop.

use std::future::ready;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{
    AppConfig, Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse,
};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web;
use anyhow::{Context, bail};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::app::{App, routes};
use crate::auth::guard::guard;
use crate::config::Config;
use crate::db::migrate;
use crate::events::anchor::Notes;
use crate::http::stream::Stream;
use crate::http::{middleware, pages};
use crate::{accounts, clock, documents, jobs, sessions, telemetry, throttle};

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
    let settings = app.config.server.clone();
    let seconds = Duration::from_secs;
    let app = web::Data::from(app);
    let metrics = web::Data::new(metrics);
    let builder = Server::build()
        .workers(settings.workers)
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let patience = seconds(settings.answer_timeout_seconds);
    // `HttpServer` does the same, but leaves no place for a connection of our own.
    let connections = move || {
        let stopping = stopping.clone();
        let http = HttpService::build()
            .client_request_timeout(seconds(settings.head_timeout_seconds))
            .client_disconnect_timeout(seconds(2))
            .keep_alive(seconds(settings.idle_seconds))
            .graceful_shutdown_signal(move || {
                let signal = stopping.clone();
                async move { signal.notified().await }
            })
            .h1(map_config(site(app.clone(), metrics.clone()), |()| {
                AppConfig::default()
            }));
        fn_service(move |io: TcpStream| {
            let peer = io.peer_addr().ok();
            ready(Ok((Stream::new(io, patience), peer)))
        })
        .and_then(http)
    };
    Ok(builder.listen("http", listener, connections)?.run())
}

/// Everything that is served, and the middleware around it.
fn site(
    app: web::Data<App>,
    metrics: web::Data<Option<PrometheusHandle>>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    actix_web::App::new()
        .app_data(app)
        .app_data(metrics)
        .app_data(
            web::PathConfig::default()
                .error_handler(|_, _| crate::error::Error::not_found().into()),
        )
        .wrap(from_fn(guard))
        .wrap(from_fn(middleware::surround))
        .configure(|server| routes().serve(server))
        .configure(pages::register)
        .default_service(web::to(middleware::nothing_here))
}

async fn stop_on_signal(app: Arc<App>, server: ServerHandle) {
    wait_for_signal().await;
    app.stop();
    tracing::info!("stopping: not ready any more");
    // Whoever sends requests here learns from /health/ready that they should go elsewhere, before they are refused.
    tokio::time::sleep(Duration::from_secs(app.config.server.drain_seconds)).await;
    tracing::info!("no new requests, finishing those in hand");
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
        if let Err(error) = documents::sweep(&app).await {
            tracing::warn!(error = %error, "lost uploads were not looked for");
        }
    }
}
