//! A call's rules and its late-entry codes over HTTP.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions::{self, NewLateEntry};
use super::model::{EligibilityRules, LateEntry, LateEntryId, Settings};
use super::store;
use crate::auth::policy;
use crate::db::Moment;
use crate::error::Result;
use crate::http::{Ctx, Reply, Routes, Valid};
use crate::network::{self, CallId};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(show_eligibility_rules, policy::PUBLIC);
    routes.add_versioned(set_eligibility_rules, policy::STAFF);
    routes.add(create_late_entry_code, policy::STAFF);
}

fn shown(settings: &Settings) -> Result<Reply> {
    Ok(Reply::ok(&settings.rules)?.version(settings.version))
}

/// What a call asks of those who answer it. Version 0: nothing beyond its programme's scope.
#[utoipa::path(tag = "eligibility", params(("id" = CallId, Path)), responses((status = 200, body = EligibilityRules)))]
#[get("/v1/calls/{id}/eligibility")]
async fn show_eligibility_rules(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let id = id.into_inner();
    let settings = ctx.read(move |conn, _| {
        network::call(conn, id)?;
        store::settings(conn, id)
    });
    shown(&settings.await?)
}

/// Set what a call asks of those who answer it. What is left out is as the programme says.
#[utoipa::path(tag = "eligibility", params(("id" = CallId, Path)), request_body = EligibilityRules, responses((status = 200, body = EligibilityRules)))]
#[put("/v1/calls/{id}/eligibility")]
async fn set_eligibility_rules(
    ctx: Ctx,
    id: Path<CallId>,
    body: Valid<EligibilityRules>,
) -> Result<Reply> {
    let (id, seen, rules) = (id.into_inner(), ctx.seen()?, body.0);
    ctx.write(move |tx| shown(&actions::set_rules(tx, id, &seen, &rules)?))
        .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateLateEntryCode {
    /// The only project that may use it; left out, any may.
    project_id: Option<ProjectId>,
    /// Why; whoever reads the application's eligibility reads it.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    /// The application must be submitted by then.
    #[schema(minimum = 1, maximum = 90)]
    expires_in_days: i64,
}

#[derive(Serialize, ToSchema)]
struct LateEntryCodeOut {
    id: LateEntryId,
    call_id: CallId,
    project_id: Option<ProjectId>,
    reason: String,
    expires_at: Moment,
    created_at: Moment,
    /// The code itself, shown this once.
    key: String,
}

impl LateEntryCodeOut {
    fn new(entry: LateEntry, key: String) -> Self {
        Self {
            id: entry.id,
            call_id: entry.call_id,
            project_id: entry.project_id,
            reason: entry.reason,
            expires_at: entry.expires_at,
            created_at: entry.created_at,
            key,
        }
    }
}

/// Make a code that lets one application in after the close. The code is shown this once.
#[utoipa::path(tag = "eligibility", params(("id" = CallId, Path)), request_body = CreateLateEntryCode, responses((status = 201, body = LateEntryCodeOut)))]
#[post("/v1/calls/{id}/late-entry-codes")]
async fn create_late_entry_code(
    ctx: Ctx,
    id: Path<CallId>,
    body: Valid<CreateLateEntryCode>,
) -> Result<Reply> {
    let id = id.into_inner();
    let Valid(CreateLateEntryCode {
        project_id,
        reason,
        expires_in_days,
    }) = body;
    let new = NewLateEntry {
        project: project_id,
        reason,
        days: expires_in_days,
    };
    ctx.write(move |tx| {
        let (entry, code) = actions::make_late_entry(tx, id, &new)?;
        let out = LateEntryCodeOut::new(entry, code);
        Ok(Reply::json(StatusCode::CREATED, &out)?.secret())
    })
    .await
}
