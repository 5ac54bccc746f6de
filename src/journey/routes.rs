//! The journey over HTTP.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{
    ExitReason, Kind, Milestone, MilestoneId, Stay, StayId, Step, Transition, TransitionId, Waiver,
    blockers, destination,
};
use super::store;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Blocker, Error, FieldError, Result};
use crate::http::catalogue::CATALOGUE;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::{Lang, Names};
use crate::network::{CohortId, Pillar};
use crate::projects::{self, ProjectId, State};

pub fn register(routes: &mut Routes) {
    routes.add(list_actions, policy::SIGNED_IN);
    routes.add_versioned(move_project, policy::SIGNED_IN);
    routes.add(list_transitions, policy::READ_PROJECTS);
    routes.add(list_stays, policy::READ_PROJECTS);
    routes.add(list_milestones, policy::READ_PROJECTS);
    routes.add(show_milestone, policy::READ_PROJECTS);
    routes.add(add_milestone, policy::SIGNED_IN);
    routes.add_versioned(change_milestone, policy::SIGNED_IN);
}

#[derive(Serialize, ToSchema)]
struct ActionOut {
    action: Kind,
    /// Whether you may take the step now.
    allowed: bool,
    /// Where it leads if nothing else is said.
    to: Option<Pillar>,
    blockers: Vec<Blocker>,
}

#[derive(Serialize, ToSchema)]
struct Actions {
    data: Vec<ActionOut>,
}

/// What you may do with the project now and, where not, exactly what is missing.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path)), responses((status = 200, body = Actions)))]
#[get("/v1/projects/{id}/actions")]
async fn list_actions(ctx: Ctx, id: Path<ProjectId>) -> Result<Reply> {
    let (id, lang) = (id.into_inner(), ctx.lang);
    let data = ctx.read(move |conn, caller| {
        let project = projects::one_inside(conn, caller, id)?;
        Kind::ALL
            .iter()
            .map(|kind| {
                let step = Step::new(*kind);
                let facts = actions::facts(conn, caller, &project, &step)?;
                let mut blockers = blockers(&project, &step, &facts);
                blockers
                    .iter_mut()
                    .for_each(|one| CATALOGUE.fill_blocker(one, lang));
                Ok(ActionOut {
                    action: *kind,
                    allowed: blockers.is_empty(),
                    to: destination(&project, *kind, None),
                    blockers,
                })
            })
            .collect::<Result<Vec<_>>>()
    });
    Reply::ok(&Actions { data: data.await? })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveProject {
    kind: Kind,
    /// For enter, advance (the next pillar by default) and return (the one before by default).
    to: Option<Pillar>,
    /// For enter: the cohort that the project joins.
    cohort_id: Option<CohortId>,
    /// For exit.
    reason_code: Option<ExitReason>,
    /// Needed for enter, return, hold and resume.
    #[schema(min_length = 1, max_length = 2000)]
    reason: Option<String>,
    /// For exit: what others can learn from it.
    #[schema(min_length = 1, max_length = 5000)]
    lesson: Option<String>,
    /// For advance and graduate: requirements that the coordinator answers for.
    #[serde(default)]
    #[schema(max_items = 20)]
    waivers: Vec<Waiver>,
}

#[derive(Serialize, ToSchema)]
struct TransitionOut {
    id: TransitionId,
    project_id: ProjectId,
    /// 1, 2, 3 … for each project.
    number: i32,
    kind: Kind,
    from_state: State,
    to_state: State,
    from_pillar: Option<Pillar>,
    to_pillar: Option<Pillar>,
    cohort_id: Option<CohortId>,
    application_id: Option<TransitionId>,
    reason_code: Option<ExitReason>,
    reason: Option<String>,
    lesson: Option<String>,
    waivers: Vec<Waiver>,
    actor_id: Option<AccountId>,
    at: Moment,
}

impl From<Transition> for TransitionOut {
    fn from(row: Transition) -> Self {
        let waivers = serde_json::from_value(row.waivers.0).unwrap_or_default();
        let Transition {
            id,
            project_id,
            number,
            kind,
            from_state,
            to_state,
            from_pillar,
            to_pillar,
            cohort_id,
            ..
        } = row;
        let Transition {
            application_id,
            reason_code,
            reason,
            lesson,
            actor_id,
            at,
            ..
        } = row;
        Self {
            id,
            project_id,
            number,
            kind,
            from_state,
            to_state,
            from_pillar,
            to_pillar,
            cohort_id,
            application_id,
            reason_code,
            reason,
            lesson,
            waivers,
            actor_id,
            at,
        }
    }
}

/// Take a step with the project. The answer carries the project's new ETag.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path)), request_body = MoveProject, responses((status = 201, body = TransitionOut)))]
#[post("/v1/projects/{id}/transitions")]
async fn move_project(ctx: Ctx, id: Path<ProjectId>, body: Valid<MoveProject>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    let Valid(MoveProject {
        kind,
        to,
        cohort_id,
        reason_code,
        reason,
        lesson,
        waivers,
    }) = body;
    let step = Step {
        kind,
        to,
        cohort_id,
        reason_code,
        reason,
        lesson,
        waivers,
    };
    ctx.write(move |tx| {
        let (transition, project) = actions::step(tx, id, &seen, &step)?;
        Ok(
            Reply::json(StatusCode::CREATED, &TransitionOut::from(transition))?
                .version(project.version),
        )
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListHistory {
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// The time, with - for the newest first: `at`, `entered_at` or `due_on` (oldest first by default)
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

impl ListHistory {
    fn paging(self) -> (Paging, Option<Moment>) {
        let Self {
            updated_since,
            limit,
            cursor,
            sort,
            format,
        } = self;
        (
            Paging {
                limit,
                cursor,
                sort,
                format,
            },
            updated_since,
        )
    }
}

/// The steps of a project, oldest first.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path), ListHistory), responses((status = 200, body = Page<TransitionOut>)))]
#[get("/v1/projects/{id}/transitions")]
async fn list_transitions(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListHistory>,
) -> Result<HttpResponse> {
    let (paging, since) = query.0.paging();
    let keyset = Keyset::new(ctx.request(), &paging, &["at", "-at"])?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        store::transitions(conn, id, since, &wanted)
    });
    let out = found.await?.into_iter().map(TransitionOut::from).collect();
    page::answer(
        &ctx,
        &keyset.page(out, |out: &TransitionOut, _| (out.at.write(), out.id.0)),
        paging.format,
    )
}

#[derive(Serialize, ToSchema)]
struct StayOut {
    id: StayId,
    pillar: Pillar,
    cohort_id: Option<CohortId>,
    entered_at: Moment,
    left_at: Option<Moment>,
    left_by: Option<Kind>,
    /// Holds left out, to a tenth of a day.
    days: f64,
    on_hold_since: Option<Moment>,
    target_days: i32,
}

/// The stays of a project in the pillars, oldest first.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path), ListHistory), responses((status = 200, body = Page<StayOut>)))]
#[get("/v1/projects/{id}/stays")]
async fn list_stays(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListHistory>,
) -> Result<HttpResponse> {
    let (paging, _) = query.0.paging();
    let keyset = Keyset::new(ctx.request(), &paging, &["entered_at", "-entered_at"])?;
    let (id, wanted, now) = (id.into_inner(), keyset.clone(), ctx.now);
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        store::stays(conn, id, &wanted)
    });
    let out = |stay: Stay| {
        let days = in_days(stay.seconds(now));
        let Stay {
            id,
            pillar,
            cohort_id,
            entered_at,
            left_at,
            left_by,
            held_since: on_hold_since,
            target_days,
            ..
        } = stay;
        StayOut {
            id,
            pillar,
            cohort_id,
            entered_at,
            left_at,
            left_by,
            days,
            on_hold_since,
            target_days,
        }
    };
    let out = found.await?.into_iter().map(out).collect();
    page::answer(
        &ctx,
        &keyset.page(out, |out: &StayOut, _| (out.entered_at.write(), out.id.0)),
        paging.format,
    )
}

fn in_days(seconds: i64) -> f64 {
    let tenths = seconds.saturating_mul(10) / 86_400;
    i32::try_from(tenths).map_or(f64::MAX, f64::from) / 10.0
}

#[derive(Serialize, ToSchema)]
struct MilestoneOut {
    id: MilestoneId,
    stay_id: StayId,
    /// The template that it comes from; none for one that was added.
    key: Option<String>,
    /// In the language that was asked for.
    title: String,
    titles: Names,
    due_on: NaiveDate,
    required: bool,
    done_at: Option<Moment>,
    done_by: Option<AccountId>,
    version: i64,
    updated_at: Moment,
}

impl MilestoneOut {
    fn new(milestone: Milestone, lang: Lang) -> Self {
        let titles: Names =
            serde_json::from_value(milestone.titles.0).unwrap_or_else(|_| Names::same(""));
        let Milestone {
            id,
            stay_id,
            key,
            due_on,
            required,
            done_at,
            done_by,
            version,
            updated_at,
            ..
        } = milestone;
        Self {
            id,
            stay_id,
            key,
            title: titles.get(lang).to_owned(),
            titles,
            due_on,
            required,
            done_at,
            done_by,
            version,
            updated_at,
        }
    }
}

/// The milestones of a project, by date.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path), ListHistory), responses((status = 200, body = Page<MilestoneOut>)))]
#[get("/v1/projects/{id}/milestones")]
async fn list_milestones(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListHistory>,
) -> Result<HttpResponse> {
    let (paging, since) = query.0.paging();
    let keyset = Keyset::new(ctx.request(), &paging, &["due_on", "-due_on"])?;
    let (id, wanted, lang) = (id.into_inner(), keyset.clone(), ctx.lang);
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        store::milestones(conn, id, since, &wanted)
    });
    let out = found
        .await?
        .into_iter()
        .map(|one| MilestoneOut::new(one, lang))
        .collect();
    page::answer(
        &ctx,
        &keyset.page(out, |out: &MilestoneOut, _| (out.due_on.write(), out.id.0)),
        paging.format,
    )
}

/// One milestone.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path), ("milestone_id" = MilestoneId, Path)), responses((status = 200, body = MilestoneOut)))]
#[get("/v1/projects/{id}/milestones/{milestone_id}")]
async fn show_milestone(ctx: Ctx, ids: Path<(ProjectId, MilestoneId)>) -> Result<Reply> {
    let ((project, id), lang) = (ids.into_inner(), ctx.lang);
    let milestone = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, project)?;
        store::milestone(conn, project, id)
    });
    let milestone = milestone.await?;
    let version = milestone.version;
    Ok(Reply::ok(&MilestoneOut::new(milestone, lang))?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddMilestone {
    #[schema(format = "line", min_length = 1, max_length = 200)]
    title: String,
    due_on: NaiveDate,
    /// Whether the gate of the pillar waits for it.
    required: bool,
}

/// Add a milestone to the pillar that the project is in: its coordinators and coaches.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path)), request_body = AddMilestone, responses((status = 201, body = MilestoneOut)))]
#[post("/v1/projects/{id}/milestones")]
async fn add_milestone(ctx: Ctx, id: Path<ProjectId>, body: Valid<AddMilestone>) -> Result<Reply> {
    let (
        id,
        lang,
        Valid(AddMilestone {
            title,
            due_on,
            required,
        }),
    ) = (id.into_inner(), ctx.lang, body);
    ctx.write(move |tx| {
        let milestone = actions::add_milestone(tx, id, &Names::same(&title), due_on, required)?;
        let (version, location) = (
            milestone.version,
            format!("/v1/projects/{id}/milestones/{}", milestone.id),
        );
        Ok(Reply::created(&MilestoneOut::new(milestone, lang), location)?.version(version))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeMilestone {
    /// true: it is done, by you, now.
    done: bool,
}

/// Mark a milestone as done.
#[utoipa::path(tag = "journey", params(("id" = ProjectId, Path), ("milestone_id" = MilestoneId, Path)), request_body = ChangeMilestone, responses((status = 200, body = MilestoneOut)))]
#[patch("/v1/projects/{id}/milestones/{milestone_id}")]
async fn change_milestone(
    ctx: Ctx,
    ids: Path<(ProjectId, MilestoneId)>,
    body: Valid<ChangeMilestone>,
) -> Result<Reply> {
    let ((project, id), seen, lang) = (ids.into_inner(), ctx.seen()?, ctx.lang);
    if !body.0.done {
        return Err(Error::invalid(vec![
            FieldError::new("/done", "not-one-of").with("options", "true"),
        ]));
    }
    ctx.write(move |tx| {
        let milestone = actions::finish_milestone(tx, project, id, &seen)?;
        let version = milestone.version;
        Ok(Reply::ok(&MilestoneOut::new(milestone, lang))?.version(version))
    })
    .await
}
