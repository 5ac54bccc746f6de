//! `GET /v1/events`.

use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store;
use crate::auth::policy;
use crate::db::Moment;
use crate::error::Result;
use crate::events::Event;
use crate::http::page::{self, Format};
use crate::http::{Ctx, Page, Query, Routes};

const DEFAULT_LIMIT: i64 = 20;

pub fn register(routes: &mut Routes) {
    routes.add(list_events, policy::EVENTS);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListEvents {
    /// Only events with a larger `position`; 0 for all.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Such as `project.advanced`.
    #[param(max_length = 60)]
    kind: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct EventOut {
    /// Rises with each event, with holes; pass the last one as `after`.
    position: i64,
    /// Whose chain the event belongs to: the project's, or else its subject's. Null for events older than the chains.
    chain: Option<Uuid>,
    /// Its place in the chain: 1, 2, 3 and so on without a hole.
    sequence: Option<i64>,
    id: Uuid,
    at: Moment,
    actor_kind: String,
    actor_id: Option<Uuid>,
    kind: String,
    subject_kind: String,
    subject_id: Uuid,
    project_id: Option<Uuid>,
    region: Option<String>,
    request_id: String,
    #[schema(value_type = Object)]
    data: Value,
}

impl From<Event> for EventOut {
    fn from(event: Event) -> Self {
        Self {
            position: event.seq,
            chain: event.chain.map(|chain| chain.0),
            sequence: event.chain_seq,
            id: event.id.0,
            at: event.at,
            actor_kind: event.actor_kind,
            actor_id: event.actor_id.map(|id| id.0),
            kind: event.kind,
            subject_kind: event.subject_kind,
            subject_id: event.subject_id.0,
            project_id: event.project_id.map(|id| id.0),
            region: event.region,
            request_id: event.request_id,
            data: event.data.0,
        }
    }
}

/// What happened, oldest first. `next` is the position to pass as `after`; null where nothing follows yet.
#[utoipa::path(tag = "events", params(ListEvents), responses((status = 200, body = Page<EventOut>)))]
#[get("/v1/events")]
async fn list_events(ctx: Ctx, query: Query<ListEvents>) -> Result<HttpResponse> {
    let Query(ListEvents {
        after,
        kind,
        limit,
        format,
    }) = query;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let found = ctx
        .read(move |conn, caller| store::after(conn, caller, after.unwrap_or(0), kind, limit))
        .await?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length == limit);
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| last.seq.to_string());
    let data: Vec<EventOut> = found.into_iter().map(EventOut::from).collect();
    page::answer_by("after", &ctx, &Page { data, next }, format)
}
