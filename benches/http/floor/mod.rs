//! The floor: what actix-web and diesel cost by themselves. No sign-in, no checks, no ledger of who did what.
//!
//! The same rows, the same columns in the answers, diesel's own connection type of the database, and one durable commit
//! for each request that writes. The handlers are one file, compiled for each database's connection type.

mod postgres;
mod rows;
mod sqlite;

use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use anyhow::Context;
use colonnade::db::Place;

const WORKERS: usize = 2;
/// Threads for work that blocks, all workers together: as many as Colonnade has connections to PostgreSQL.
const THREADS: usize = 16;

/// Serves a database until SIGTERM.
///
/// # Errors
/// When the database or the port can't be had.
pub fn serve(url: &str, port: &str) -> anyhow::Result<()> {
    let port: u16 = port.parse().context("the port")?;
    match Place::parse(url).map_err(anyhow::Error::msg)? {
        Place::Sqlite(file) => {
            let floor = Data::new(sqlite::Floor::open(file)?);
            run(port, move |app| {
                sqlite::handlers::register(app.app_data(floor.clone()));
            })
        }
        Place::Pg(url) => {
            let floor = Data::new(postgres::Floor::open(url)?);
            run(port, move |app| {
                postgres::handlers::register(app.app_data(floor.clone()));
            })
        }
    }
}

fn run(
    port: u16,
    register: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let server = HttpServer::new(move || App::new().configure(register.clone()))
        .workers(WORKERS)
        .worker_max_blocking_threads(THREADS / WORKERS)
        .bind(("127.0.0.1", port))?;
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}
