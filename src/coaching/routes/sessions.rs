//! Coaching sessions over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::actions;
use super::super::model::{
    Action, Booking, CoachingSession, CoachingSessionId, SessionChange, SessionState, Standing,
};
use super::super::store;
use crate::accounts;
use crate::auth::{AccountId, Caller, policy};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::http::body::present;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::projects::{self, ProjectId};

pub fn register(routes: &mut Routes) {
    routes.add(list_coaching_sessions, policy::READ_PROJECTS);
    routes.add(show_coaching_session, policy::READ_PROJECTS);
    routes.add(book_coaching_session, policy::SIGNED_IN);
    routes.add_versioned(change_coaching_session, policy::SIGNED_IN);
}

#[derive(Serialize, ToSchema)]
struct CoachingSessionOut {
    id: CoachingSessionId,
    project_id: ProjectId,
    /// Who holds it.
    coach_id: AccountId,
    coach: String,
    state: SessionState,
    starts_at: Moment,
    planned_minutes: i32,
    place: Option<String>,
    link: Option<String>,
    agenda: String,
    held_minutes: Option<i32>,
    notes: Option<String>,
    actions: Vec<Action>,
    /// Null for everybody but the coach who holds it and the coordinators.
    private_notes: Option<String>,
    cancel_reason: Option<String>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl CoachingSessionOut {
    fn load(conn: &mut Conn, session: CoachingSession, standing: Standing) -> Result<Self> {
        let coach = accounts::find(conn, session.coach_id)?.name;
        let is_own = standing.owns(&session);
        let CoachingSession {
            id,
            project_id,
            coach_id,
            state,
            starts_at,
            planned_minutes,
            place,
            link,
            agenda,
            held_minutes,
            notes,
            actions,
            private_notes,
            cancel_reason,
            version,
            created_at,
            updated_at,
            ..
        } = session;
        Ok(Self {
            id,
            project_id,
            coach_id,
            coach,
            state,
            starts_at,
            planned_minutes,
            place,
            link,
            agenda,
            held_minutes,
            notes,
            actions: serde_json::from_value(actions.0).unwrap_or_default(),
            private_notes: private_notes.filter(|_| is_own),
            cancel_reason,
            version,
            created_at,
            updated_at,
        })
    }
}

/// How the caller stands to the coaching of a project; `not-found` where the project does not exist for them.
fn standing(conn: &mut Conn, caller: &Caller, id: ProjectId) -> Result<Standing> {
    let project = projects::one_inside(conn, caller, id)?;
    let open = projects::open_assignments(conn, id)?;
    Ok(Standing::of(caller, &project, &open))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListCoachingSessions {
    #[param(inline)]
    state: Option<SessionState>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-starts_at` (default), `starts_at`, `-updated_at`, `updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// The coaching sessions of a project, whatever became of them.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ListCoachingSessions), responses((status = 200, body = Page<CoachingSessionOut>)))]
#[get("/v1/projects/{id}/coaching-sessions")]
async fn list_coaching_sessions(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListCoachingSessions>,
) -> Result<HttpResponse> {
    let Query(ListCoachingSessions {
        state,
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let paging = Paging {
        limit,
        cursor,
        sort,
        format,
    };
    let sorts = ["-starts_at", "starts_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        let standing = standing(conn, caller, id)?;
        let rows = store::sessions(conn, id, state, updated_since, &wanted)?;
        rows.into_iter()
            .map(|row| CoachingSessionOut::load(conn, row, standing))
            .collect::<Result<Vec<_>>>()
    });
    let key = |out: &CoachingSessionOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.starts_at
        };
        (at.write(), out.id.0)
    };
    page::answer(&ctx, &keyset.page(found.await?, key), format)
}

/// One coaching session.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ("session_id" = CoachingSessionId, Path)), responses((status = 200, body = CoachingSessionOut)))]
#[get("/v1/projects/{id}/coaching-sessions/{session_id}")]
async fn show_coaching_session(
    ctx: Ctx,
    ids: Path<(ProjectId, CoachingSessionId)>,
) -> Result<Reply> {
    let (project, id) = ids.into_inner();
    let out = ctx.read(move |conn, caller| {
        let standing = standing(conn, caller, project)?;
        let session = store::session(conn, project, id)?;
        CoachingSessionOut::load(conn, session, standing)
    });
    let out = out.await?;
    Ok(Reply::ok(&out)?.version(out.version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BookCoachingSession {
    /// Who holds it; you, if you coach the project and name nobody. Only coordinators name somebody else.
    coach_id: Option<AccountId>,
    starts_at: Moment,
    #[schema(minimum = 5, maximum = 1440)]
    planned_minutes: i32,
    #[schema(format = "line", min_length = 1, max_length = 300)]
    place: Option<String>,
    #[schema(format = "uri", max_length = 500, pattern = "^https?://")]
    link: Option<String>,
    #[schema(min_length = 1, max_length = 5000)]
    agenda: String,
    /// Shown to the coach and the coordinators only.
    #[schema(min_length = 1, max_length = 10000)]
    private_notes: Option<String>,
}

/// Book a meeting of a coach with the project's team: the project's coaches and coordinators.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path)), request_body = BookCoachingSession, responses((status = 201, body = CoachingSessionOut)))]
#[post("/v1/projects/{id}/coaching-sessions")]
async fn book_coaching_session(
    ctx: Ctx,
    id: Path<ProjectId>,
    body: Valid<BookCoachingSession>,
) -> Result<Reply> {
    let (
        id,
        Valid(BookCoachingSession {
            coach_id,
            starts_at,
            planned_minutes,
            place,
            link,
            agenda,
            private_notes,
        }),
    ) = (id.into_inner(), body);
    let booking = Booking {
        coach: coach_id,
        starts_at,
        planned_minutes,
        place,
        link,
        agenda,
        private_notes,
    };
    ctx.write(move |tx| {
        let session = actions::book_session(tx, id, &booking)?;
        let location = format!("/v1/projects/{id}/coaching-sessions/{}", session.id);
        let standing = standing(tx.conn, tx.caller, id)?;
        let out = CoachingSessionOut::load(tx.conn, session, standing)?;
        Ok(Reply::created(&out, location)?.version(out.version))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeCoachingSession {
    /// `held`, with `held_minutes`; or `cancelled`, with `cancel_reason`.
    state: Option<SessionState>,
    starts_at: Option<Moment>,
    #[schema(minimum = 5, maximum = 1440)]
    planned_minutes: Option<i32>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = "line", min_length = 1, max_length = 300)]
    place: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = "uri", max_length = 500, pattern = "^https?://")]
    link: Option<Option<String>>,
    #[schema(min_length = 1, max_length = 5000)]
    agenda: Option<String>,
    #[schema(minimum = 1, maximum = 1440)]
    held_minutes: Option<i32>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    notes: Option<Option<String>>,
    #[schema(max_items = 50)]
    actions: Option<Vec<Action>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    private_notes: Option<Option<String>>,
    #[schema(min_length = 1, max_length = 2000)]
    cancel_reason: Option<String>,
}

/// Plan a coaching session anew, or note that it was held or cancelled: the coach who holds it, and coordinators.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ("session_id" = CoachingSessionId, Path)), request_body = ChangeCoachingSession, responses((status = 200, body = CoachingSessionOut)))]
#[patch("/v1/projects/{id}/coaching-sessions/{session_id}")]
async fn change_coaching_session(
    ctx: Ctx,
    ids: Path<(ProjectId, CoachingSessionId)>,
    body: Valid<ChangeCoachingSession>,
) -> Result<Reply> {
    let ((project, id), seen) = (ids.into_inner(), ctx.seen()?);
    let Valid(ChangeCoachingSession {
        state,
        starts_at,
        planned_minutes,
        place,
        link,
        agenda,
        held_minutes,
        notes,
        actions,
        private_notes,
        cancel_reason,
    }) = body;
    let change = SessionChange {
        state,
        starts_at,
        planned_minutes,
        place,
        link,
        agenda,
        held_minutes,
        notes,
        actions,
        private_notes,
        cancel_reason,
    };
    ctx.write(move |tx| {
        let session = actions::change_session(tx, project, id, &seen, &change)?;
        let standing = standing(tx.conn, tx.caller, project)?;
        let out = CoachingSessionOut::load(tx.conn, session, standing)?;
        Ok(Reply::ok(&out)?.version(out.version))
    })
    .await
}
