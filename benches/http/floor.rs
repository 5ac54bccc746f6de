//! The floor: what actix-web and diesel cost by themselves. No sign-in, no checks, no ledger of who did what.
//!
//! One reading connection in each of two workers, one writing connection behind a lock, one durable commit for each
//! request that writes, and the same columns in the answers.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use actix_web::error::ErrorInternalServerError;
use actix_web::web::{Data, Json as Body, Path, Query};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context, bail};
use chrono::NaiveDate;
use colonnade::db::connection::Purpose;
use colonnade::db::schema::{applications, events, projects, stays, transitions};
use colonnade::db::{Conn, Json, Moment, Place};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

colonnade::ids! { Id }

type Answer = Result<HttpResponse, actix_web::Error>;

struct Floor {
    file: String,
    writer: Mutex<SqliteConnection>,
}

thread_local! {
    static READER: RefCell<Option<SqliteConnection>> = const { RefCell::new(None) };
}

/// Serves until SIGTERM.
///
/// # Errors
/// When the file or the port can't be had.
pub fn serve(file: &str, port: &str) -> anyhow::Result<()> {
    let port: u16 = port.parse().context("the port")?;
    let writer = Mutex::new(connect(file, Purpose::Write)?);
    let floor = Data::new(Floor {
        file: file.to_owned(),
        writer,
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(floor.clone())
            .route("/v1/projects", web::get().to(list_projects))
            .route("/v1/projects/{id}", web::get().to(read_project))
            .route(
                "/v1/projects/{id}/transitions",
                web::post().to(move_project),
            )
            .route("/v1/applications", web::post().to(create_application))
            .route("/v1/cohorts/{id}/dashboard", web::get().to(dashboard))
    });
    let server = server.workers(2).bind(("127.0.0.1", port))?;
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}

/// A connection with the settings that Colonnade's have, so that both pay the same for a commit.
fn connect(file: &str, purpose: Purpose) -> anyhow::Result<SqliteConnection> {
    match Place::Sqlite(file.to_owned()).connect(purpose)? {
        Conn::Sqlite(conn) => Ok(conn),
        Conn::Pg(_) => bail!("{file} is no file"),
    }
}

/// Reads on the worker itself, the cheapest way there is.
fn read<T>(
    floor: &Floor,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
) -> Result<T, actix_web::Error> {
    READER.with_borrow_mut(|reader| {
        let conn = match reader.take() {
            Some(conn) => conn,
            None => connect(&floor.file, Purpose::Read).map_err(ErrorInternalServerError)?,
        };
        work(reader.insert(conn)).map_err(ErrorInternalServerError)
    })
}

/// Writes in a transaction of its own, durable before it is answered.
async fn write<T, F>(floor: Data<Floor>, work: F) -> Result<T, actix_web::Error>
where
    T: Send + 'static,
    F: FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
{
    let done = web::block(move || {
        let mut conn = floor.writer.lock().unwrap_or_else(PoisonError::into_inner);
        conn.immediate_transaction(work)
    });
    done.await?.map_err(ErrorInternalServerError)
}

fn now() -> Moment {
    Moment::new(SystemTime::now().into())
}

fn new_id() -> Id {
    Id(Uuid::now_v7())
}

#[derive(Queryable, Selectable, Serialize)]
struct Project {
    id: Id,
    reference: String,
    title: String,
    summary: String,
    sector: String,
    country: String,
    postal_code: Option<String>,
    region: Option<String>,
    province: Option<String>,
    enterprise_number: Option<String>,
    website: Option<String>,
    language: String,
    state: String,
    pillar: Option<String>,
    cohort_id: Option<Id>,
    shared_with_partners: bool,
    last_confidence: Option<String>,
    next_due_on: Option<NaiveDate>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

async fn read_project(floor: Data<Floor>, id: Path<Id>) -> Answer {
    let one = projects::table
        .find(id.into_inner())
        .select(Project::as_select());
    let project = read(&floor, |conn| one.get_result(conn))?;
    Ok(HttpResponse::Ok().json(project))
}

#[derive(Deserialize)]
struct Wanted {
    cohort_id: Id,
    limit: i64,
}

async fn list_projects(floor: Data<Floor>, wanted: Query<Wanted>) -> Answer {
    let Query(Wanted { cohort_id, limit }) = wanted;
    let of_cohort = projects::table
        .filter(projects::cohort_id.eq(cohort_id))
        .order((projects::title, projects::id));
    let found: Vec<Project> = read(&floor, |conn| {
        of_cohort
            .limit(limit)
            .select(Project::as_select())
            .load(conn)
    })?;
    Ok(HttpResponse::Ok().json(json!({ "data": found })))
}

async fn dashboard(floor: Data<Floor>, cohort: Path<Id>) -> Answer {
    let of_cohort = stays::table
        .filter(stays::cohort_id.eq(cohort.into_inner()))
        .group_by(stays::pillar);
    let counts: Vec<(String, i64)> = read(&floor, |conn| {
        of_cohort
            .select((stays::pillar, diesel::dsl::count_star()))
            .load(conn)
    })?;
    Ok(HttpResponse::Ok().json(counts))
}

#[derive(Deserialize)]
struct NewApplication {
    project_id: Id,
    call_id: Id,
    answers: Value,
}

#[derive(Insertable, Serialize)]
struct Application {
    id: Id,
    reference: String,
    project_id: Id,
    call_id: Id,
    state: &'static str,
    answers: Json,
    region: Option<String>,
    cohort_id: Option<Id>,
    pillar: Option<String>,
    feedback: Option<String>,
    override_reason: Option<String>,
    submitted_at: Option<Moment>,
    decided_at: Option<Moment>,
    decided_by: Option<Id>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

async fn create_application(floor: Data<Floor>, body: Body<NewApplication>) -> Answer {
    let Body(NewApplication {
        project_id,
        call_id,
        answers,
    }) = body;
    let (id, at) = (new_id(), now());
    let row = Application {
        id,
        reference: format!("A-{id}"),
        project_id,
        call_id,
        state: "draft",
        answers: Json(answers),
        region: Some("BE1".into()),
        cohort_id: None,
        pillar: None,
        feedback: None,
        override_reason: None,
        submitted_at: None,
        decided_at: None,
        decided_by: None,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let row = write(floor, move |conn| {
        diesel::insert_into(applications::table)
            .values(&row)
            .execute(conn)?;
        Ok(row)
    });
    Ok(HttpResponse::Created().json(row.await?))
}

#[derive(Deserialize)]
struct Step {
    kind: String,
    reason: String,
}

#[derive(Insertable, Serialize)]
struct Transition {
    id: Id,
    project_id: Id,
    number: i32,
    kind: String,
    from_state: &'static str,
    to_state: &'static str,
    from_pillar: Option<String>,
    to_pillar: Option<String>,
    cohort_id: Option<Id>,
    application_id: Option<Id>,
    reason_code: Option<String>,
    reason: Option<String>,
    lesson: Option<String>,
    waivers: Json,
    actor_id: Option<Id>,
    at: Moment,
}

/// One UPDATE and two INSERTs.
async fn move_project(floor: Data<Floor>, id: Path<Id>, body: Body<Step>) -> Answer {
    let (project, Body(step)) = (id.into_inner(), body);
    let row = write(floor, move |conn| {
        let transition = take(conn, project, step)?;
        diesel::insert_into(transitions::table)
            .values(&transition)
            .execute(conn)?;
        tell(conn, &transition)?;
        Ok(transition)
    });
    Ok(HttpResponse::Created().json(row.await?))
}

fn take(conn: &mut SqliteConnection, project_id: Id, step: Step) -> QueryResult<Transition> {
    let (from_state, to_state) = if step.kind == "hold" {
        ("active", "on_hold")
    } else {
        ("on_hold", "active")
    };
    let at = now();
    let changed = (
        projects::state.eq(to_state),
        projects::version.eq(projects::version + 1),
        projects::updated_at.eq(at),
    );
    let (version, pillar, cohort_id): (i64, Option<String>, Option<Id>) =
        diesel::update(projects::table.find(project_id))
            .set(changed)
            .returning((projects::version, projects::pillar, projects::cohort_id))
            .get_result(conn)?;
    Ok(Transition {
        id: new_id(),
        project_id,
        number: i32::try_from(version).unwrap_or(i32::MAX),
        kind: step.kind,
        from_state,
        to_state,
        from_pillar: pillar.clone(),
        to_pillar: pillar,
        cohort_id,
        application_id: None,
        reason_code: None,
        reason: Some(step.reason),
        lesson: None,
        waivers: Json(json!([])),
        actor_id: None,
        at,
    })
}

fn tell(conn: &mut SqliteConnection, transition: &Transition) -> QueryResult<usize> {
    let data = json!({
        "transition_id": transition.id, "number": transition.number,
        "from_state": transition.from_state, "to_state": transition.to_state,
        "from_pillar": transition.from_pillar, "to_pillar": transition.to_pillar, "cohort_id": transition.cohort_id,
    });
    diesel::insert_into(events::table)
        .values((
            events::id.eq(new_id()),
            events::at.eq(transition.at),
            events::actor_kind.eq("nobody"),
            events::kind.eq(format!("project.{}", transition.kind)),
            events::subject_kind.eq("project"),
            events::subject_id.eq(transition.project_id),
            events::project_id.eq(transition.project_id),
            events::region.eq("BE1"),
            events::request_id.eq(""),
            events::data.eq(Json(data)),
        ))
        .execute(conn)
}
