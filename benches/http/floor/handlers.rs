//! What the floor answers. `super` says on which database: its connection type, and how it reads and writes.

use actix_web::web::{Data, Json as Body, Path, Query, ServiceConfig, get, post};
use actix_web::{HttpResponse, error::Error};
use colonnade::db::Json;
use colonnade::db::schema::{applications, events, projects, stays, transitions};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::rows::{Application, Id, Project, Transition, new_id, now};
use super::{Db, Floor, read, write};

type Answer = Result<HttpResponse, Error>;

pub fn register(app: &mut ServiceConfig) {
    app.route("/v1/projects", get().to(list_projects))
        .route("/v1/projects/{id}", get().to(read_project))
        .route("/v1/projects/{id}/transitions", post().to(move_project))
        .route("/v1/applications", post().to(create_application))
        .route("/v1/cohorts/{id}/dashboard", get().to(dashboard));
}

async fn read_project(floor: Data<Floor>, id: Path<Id>) -> Answer {
    let id = id.into_inner();
    let project = read(floor, move |conn| {
        projects::table
            .find(id)
            .select(Project::as_select())
            .get_result(conn)
    });
    Ok(HttpResponse::Ok().json(project.await?))
}

#[derive(Deserialize)]
struct Wanted {
    cohort_id: Option<Id>,
    pillar: Option<String>,
    q: Option<String>,
    limit: i64,
}

#[derive(Serialize)]
struct Found {
    data: Vec<Project>,
}

/// Either the projects of a cohort in a pillar, or those that have a word.
async fn list_projects(floor: Data<Floor>, wanted: Query<Wanted>) -> Answer {
    let Query(wanted) = wanted;
    let found = read(floor, move |conn| match wanted.q {
        Some(word) => having(conn, &word, wanted.limit),
        None => of_cohort(conn, wanted.cohort_id, wanted.pillar, wanted.limit),
    });
    Ok(HttpResponse::Ok().json(Found { data: found.await? }))
}

fn of_cohort(
    conn: &mut Db,
    cohort: Option<Id>,
    pillar: Option<String>,
    limit: i64,
) -> QueryResult<Vec<Project>> {
    projects::table
        .filter(projects::cohort_id.eq(cohort))
        .filter(projects::pillar.eq(pillar))
        .order((projects::title, projects::id))
        .limit(limit)
        .select(Project::as_select())
        .load(conn)
}

fn having(conn: &mut Db, word: &str, limit: i64) -> QueryResult<Vec<Project>> {
    let pattern = format!("%{word}%");
    projects::table
        .filter(
            projects::title
                .like(&pattern)
                .or(projects::summary.like(&pattern)),
        )
        .order((projects::created_at.desc(), projects::id.desc()))
        .limit(limit)
        .select(Project::as_select())
        .load(conn)
}

/// A bare `group by`.
async fn dashboard(floor: Data<Floor>, cohort: Path<Id>) -> Answer {
    let cohort = cohort.into_inner();
    let counts = read(floor, move |conn| {
        stays::table
            .filter(stays::cohort_id.eq(cohort))
            .group_by(stays::pillar)
            .select((stays::pillar, diesel::dsl::count_star()))
            .load::<(String, i64)>(conn)
    });
    Ok(HttpResponse::Ok().json(counts.await?))
}

#[derive(Deserialize)]
struct NewApplication {
    project_id: Id,
    call_id: Id,
    answers: Value,
}

/// One INSERT.
async fn create_application(floor: Data<Floor>, body: Body<NewApplication>) -> Answer {
    let Body(new) = body;
    let (id, at) = (new_id(), now());
    let row = Application {
        id,
        reference: format!("A-{id}"),
        project_id: new.project_id,
        call_id: new.call_id,
        state: "draft",
        answers: Json(new.answers),
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

fn take(conn: &mut Db, project_id: Id, step: Step) -> QueryResult<Transition> {
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

fn tell(conn: &mut Db, transition: &Transition) -> QueryResult<usize> {
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
