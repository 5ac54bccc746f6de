//! Screening, returns and tags over HTTP.

use actix_web::web::Path;
use actix_web::{get, post, put};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown;
use crate::applications::model::{
    ApplicationId, ApplicationState, ReturnId, Returned, Screening, ScreeningId, ScreeningResult,
};
use crate::applications::screening::{self, Return, Screen};
use crate::applications::store;
use crate::auth::{AccountId, Caller, policy};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::http::{Ctx, Page, Reply, Routes, Valid};
use crate::projects;

pub fn register(routes: &mut Routes) {
    routes.add_versioned(screen_application, policy::STAFF);
    routes.add(list_screenings, policy::STAFF);
    routes.add_versioned(return_application, policy::STAFF);
    routes.add(list_returns, policy::READ_PROJECTS);
    routes.add(show_tags, policy::STAFF);
    routes.add_versioned(put_tags, policy::STAFF);
}

crate::words! {
    pub enum ScreeningStep {
        Start = "start",
        Finish = "finish",
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenApplication {
    step: ScreeningStep,
    /// For the finish.
    result: Option<ScreeningResult>,
    /// For the finish: codes of `/v1/screening-reasons`. A return names at least one.
    #[serde(default)]
    #[schema(max_items = 20)]
    reasons: Vec<String>,
    /// For the finish; founders don't see it.
    #[schema(min_length = 1, max_length = 5000)]
    note: Option<String>,
    /// For a return: what it opens, as JSON Pointers like `/answers/need` and `/project/title`.
    #[serde(default)]
    #[schema(max_items = 200)]
    fields: Vec<String>,
    /// For a return: what the founders are told.
    #[schema(min_length = 1, max_length = 5000)]
    message: Option<String>,
    /// For a return.
    due_on: Option<NaiveDate>,
}

impl ScreenApplication {
    /// The step, with everything that belongs to it and nothing else.
    /// # Errors
    /// `invalid` where a field does not belong to the step, or is missing.
    pub fn step(self) -> Result<Screen> {
        let is_return = self.result == Some(ScreeningResult::Return);
        let mut errors = FieldErrors::default();
        let mut expect = |at: &'static str, belongs: bool, is_needed: bool, is_there: bool| {
            if is_there && !belongs {
                errors.push(FieldError::new(at, "not-for-this-step"));
            }
            if is_needed && !is_there {
                errors.push(FieldError::new(at, "required"));
            }
        };
        let ends = self.step == ScreeningStep::Finish;
        expect("/result", ends, ends, self.result.is_some());
        expect("/reasons", ends, is_return, !self.reasons.is_empty());
        expect("/note", ends, false, self.note.is_some());
        expect("/fields", is_return, is_return, !self.fields.is_empty());
        expect("/message", is_return, is_return, self.message.is_some());
        expect("/due_on", is_return, false, self.due_on.is_some());
        errors.done()?;
        Ok(match (ends, self.message) {
            (false, _) => Screen::Start,
            (true, None) => Screen::Pass {
                reasons: self.reasons,
                note: self.note,
            },
            (true, Some(message)) => Screen::Return {
                back: Return {
                    fields: self.fields,
                    message,
                    reasons: self.reasons,
                    due_on: self.due_on,
                },
                note: self.note,
            },
        })
    }
}

/// Start the screening of a submitted application, or finish it: with a pass into review, or with a return.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), request_body = ScreenApplication, responses((status = 200, body = super::ApplicationOut)))]
#[post("/v1/applications/{id}/screening")]
async fn screen_application(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<ScreenApplication>,
) -> Result<Reply> {
    let (id, seen, step) = (id.into_inner(), ctx.seen()?, body.0.step()?);
    ctx.write(move |tx| shown(screening::screen(tx, id, &seen, &step)?))
        .await
}

#[derive(Serialize, ToSchema)]
struct ScreeningOut {
    id: ScreeningId,
    started_by: Option<AccountId>,
    started_at: Moment,
    result: Option<ScreeningResult>,
    reasons: Vec<String>,
    note: Option<String>,
    finished_by: Option<AccountId>,
    finished_at: Option<Moment>,
}

impl From<Screening> for ScreeningOut {
    fn from(row: Screening) -> Self {
        let reasons = row.reasons.map(|reasons| reasons.0);
        Self {
            id: row.id,
            started_by: row.started_by,
            started_at: row.started_at,
            result: row.result,
            reasons: reasons
                .and_then(|codes| serde_json::from_value(codes).ok())
                .unwrap_or_default(),
            note: row.note,
            finished_by: row.finished_by,
            finished_at: row.finished_at,
        }
    }
}

/// The screenings of an application, oldest first, for those who manage it.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = Page<ScreeningOut>)))]
#[get("/v1/applications/{id}/screenings")]
async fn list_screenings(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| {
        managed(conn, caller, id)?;
        store::screenings(conn, id)
    });
    let data = found.await?.into_iter().map(ScreeningOut::from).collect();
    Ok(Reply::ok(&Page { data, next: None })?.tagged_by_content())
}

/// Refuses those who see an application and don't manage it.
fn managed(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<()> {
    let application = store::one(conn, caller, id)?;
    let project = projects::find(conn, application.project_id)?;
    if projects::may_manage(caller, &project) {
        Ok(())
    } else {
        Err(Error::refused("not-allowed"))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnApplication {
    /// What it opens, as JSON Pointers like `/answers/need` and `/project/title`.
    #[schema(min_items = 1, max_items = 200)]
    fields: Vec<String>,
    /// What the founders are told.
    #[schema(min_length = 1, max_length = 5000)]
    message: String,
    /// Codes of `/v1/screening-reasons`.
    #[schema(min_items = 1, max_items = 20)]
    reasons: Vec<String>,
    due_on: Option<NaiveDate>,
}

impl From<ReturnApplication> for Return {
    fn from(body: ReturnApplication) -> Self {
        let ReturnApplication {
            fields,
            message,
            reasons,
            due_on,
        } = body;
        Self {
            fields,
            message,
            reasons,
            due_on,
        }
    }
}

/// Send an application back to its founders: exactly the named fields open, with the questions that their answers bring
/// up, and the clock stands still until it comes again.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), request_body = ReturnApplication, responses((status = 200, body = super::ApplicationOut)))]
#[post("/v1/applications/{id}/return")]
async fn return_application(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<ReturnApplication>,
) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    let back = Return::from(body.0);
    ctx.write(move |tx| shown(screening::send_back(tx, id, &seen, &back)?))
        .await
}

#[derive(Serialize, ToSchema)]
struct ReturnOut {
    id: ReturnId,
    /// Where it goes on when it comes again.
    from_state: ApplicationState,
    /// What is open, or was, as JSON Pointers.
    fields: Vec<String>,
    message: String,
    reasons: Vec<String>,
    due_on: Option<NaiveDate>,
    returned_at: Moment,
    /// When it came again, or was withdrawn; null while its founders have it.
    closed_at: Option<Moment>,
}

impl From<Returned> for ReturnOut {
    fn from(row: Returned) -> Self {
        Self {
            id: row.id,
            from_state: row.from_state,
            fields: row.open_fields().into_iter().collect(),
            reasons: row.reason_codes(),
            message: row.message,
            due_on: row.due_on,
            returned_at: row.returned_at,
            closed_at: row.closed_at,
        }
    }
}

/// Every time that an application was sent back, oldest first.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = Page<ReturnOut>)))]
#[get("/v1/applications/{id}/returns")]
async fn list_returns(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| {
        store::one(conn, caller, id)?;
        store::returns(conn, id)
    });
    let data = found.await?.into_iter().map(ReturnOut::from).collect();
    Ok(Reply::ok(&Page { data, next: None })?.tagged_by_content())
}

#[derive(Serialize, ToSchema)]
struct TagsOut {
    tags: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutTags {
    /// Small words, like `site-visit`; they replace those that are there.
    #[schema(max_items = 20, inline)]
    tags: Vec<Tag>,
}

#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 40, pattern = "^[a-z0-9][a-z0-9-]*$")]
pub struct Tag(pub String);

/// The tags of an application, for those who manage it.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = TagsOut)))]
#[get("/v1/applications/{id}/tags")]
async fn show_tags(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| {
        managed(conn, caller, id)?;
        store::tags(conn, id)
    });
    let tags = found.await?;
    Ok(Reply::ok(&TagsOut { tags })?.tagged_by_content())
}

/// Put tags on an application. `If-Match` is the application's; founders see nothing of tags, not even by its ETag.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), request_body = PutTags, responses((status = 200, body = TagsOut)))]
#[put("/v1/applications/{id}/tags")]
async fn put_tags(ctx: Ctx, id: Path<ApplicationId>, body: Valid<PutTags>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    let tags: Vec<String> = body.0.tags.into_iter().map(|tag| tag.0).collect();
    ctx.write(move |tx| {
        let tags = screening::tag(tx, id, &seen, &tags)?;
        Reply::ok(&TagsOut { tags })
    })
    .await
}
