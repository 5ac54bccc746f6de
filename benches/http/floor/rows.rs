//! The rows that the floor reads and writes, with the columns that Colonnade's answers have.

use std::time::SystemTime;

use chrono::NaiveDate;
use colonnade::db::schema::{applications, projects, transitions};
use colonnade::db::{Json, Moment};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

colonnade::ids! { Id }

pub fn now() -> Moment {
    Moment::new(SystemTime::now().into())
}

pub fn new_id() -> Id {
    Id(Uuid::now_v7())
}

#[derive(Queryable, Selectable, Serialize)]
pub struct Project {
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

#[derive(Insertable, Serialize)]
pub struct Application {
    pub id: Id,
    pub reference: String,
    pub project_id: Id,
    pub call_id: Id,
    pub state: &'static str,
    pub answers: Json,
    pub region: Option<String>,
    pub cohort_id: Option<Id>,
    pub pillar: Option<String>,
    pub feedback: Option<String>,
    pub override_reason: Option<String>,
    pub submitted_at: Option<Moment>,
    pub decided_at: Option<Moment>,
    pub decided_by: Option<Id>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

#[derive(Insertable, Serialize)]
pub struct Transition {
    pub id: Id,
    pub project_id: Id,
    pub number: i32,
    pub kind: String,
    pub from_state: &'static str,
    pub to_state: &'static str,
    pub from_pillar: Option<String>,
    pub to_pillar: Option<String>,
    pub cohort_id: Option<Id>,
    pub application_id: Option<Id>,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    pub lesson: Option<String>,
    pub waivers: Json,
    pub actor_id: Option<Id>,
    pub at: Moment,
}
