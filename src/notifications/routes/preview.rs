//! The preview of a release over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::applications::{ApplicationId, Outcome};
use crate::auth::{AccountId, policy};
use crate::error::{Error, FieldError, Result};
use crate::http::catalogue::CATALOGUE;
use crate::http::page;
use crate::http::{Ctx, Page, Query, Routes};
use crate::lang::Lang;
use crate::network::{CallId, CohortId, Pillar};
use crate::notifications::preview::{self, Prospect, Told};

const DEFAULT_LIMIT: i64 = 20;

pub fn register(routes: &mut Routes) {
    routes.add(preview_release, policy::STAFF);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewRelease {
    /// Which applications, separated by commas; if left out, all that are staged in your scope.
    #[param(max_length = 4000)]
    application_ids: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
}

crate::words! {
    /// What a decision would lead to.
    pub enum Consequence {
        Enters = "enters",
        PlaceOffered = "place_offered",
        Waits = "waits",
        Declined = "declined",
    }
}

#[derive(Serialize, ToSchema)]
struct ToldOut {
    account_id: AccountId,
    name: String,
    language: Lang,
    subject: String,
    text: String,
}

impl From<Told> for ToldOut {
    fn from(told: Told) -> Self {
        Self {
            account_id: told.account,
            name: told.name,
            language: told.language,
            subject: told.subject,
            text: told.text,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct ProspectOut {
    application_id: ApplicationId,
    outcome: Outcome,
    leads_to: Consequence,
    cohort_id: Option<CohortId>,
    pillar: Option<Pillar>,
    rank: Option<i32>,
    /// Why it could not go out together with the others.
    problems: Vec<FieldError>,
    /// The mails that would leave, word for word; none where a rule stands against the decision.
    mails: Vec<ToldOut>,
}

impl ProspectOut {
    fn new(prospect: Prospect, lang: Lang) -> Self {
        let Prospect {
            staged,
            offers_place,
            mut problems,
            mails,
        } = prospect;
        for problem in &mut problems {
            CATALOGUE.fill_field(problem, lang);
        }
        let leads_to = match staged.outcome {
            Outcome::Accept if offers_place => Consequence::PlaceOffered,
            Outcome::Accept => Consequence::Enters,
            Outcome::Waitlist => Consequence::Waits,
            Outcome::Decline => Consequence::Declined,
        };
        Self {
            application_id: staged.application_id,
            outcome: staged.outcome,
            leads_to,
            cohort_id: staged.cohort_id,
            pillar: staged.pillar,
            rank: staged.rank,
            problems,
            mails: mails.into_iter().map(ToldOut::from).collect(),
        }
    }
}

fn ids(name: &str, text: &str) -> Result<Vec<ApplicationId>> {
    let parsed: std::result::Result<Vec<Uuid>, _> =
        text.split(',').map(|part| part.trim().parse()).collect();
    let wrong = |_| Error::invalid(vec![FieldError::new(format!("/{name}"), "not-valid")]);
    Ok(parsed
        .map_err(wrong)?
        .into_iter()
        .map(ApplicationId)
        .collect())
}

/// What would happen if staged decisions were released now: who would get which mail, and what stands in the way.
#[utoipa::path(tag = "decisions", params(("id" = CallId, Path), PreviewRelease), responses((status = 200, body = Page<ProspectOut>)))]
#[get("/v1/calls/{id}/release-preview")]
async fn preview_release(
    ctx: Ctx,
    id: Path<CallId>,
    query: Query<PreviewRelease>,
) -> Result<HttpResponse> {
    let Query(PreviewRelease {
        application_ids,
        limit,
        cursor,
    }) = query;
    let wanted = application_ids.as_deref();
    let wanted = wanted
        .map(|text| ids("application_ids", text))
        .transpose()?;
    let after = cursor.as_deref().map(|text| ids("cursor", text));
    let after = after.transpose()?.and_then(|ids| ids.first().copied());
    let limit = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(1);
    let (id, lang) = (id.into_inner(), ctx.lang);
    // It is rehearsed and taken back, so it needs a transaction that could write.
    let looked = ctx.write_beside(move |tx| preview::look(tx, id, wanted.as_deref(), after, limit));
    let (prospects, more) = looked.await?;
    let next = prospects.last().filter(|_| more);
    let next = next.map(|last| last.staged.application_id.to_string());
    let data: Vec<ProspectOut> = prospects
        .into_iter()
        .map(|one| ProspectOut::new(one, lang))
        .collect();
    page::answer(&ctx, &Page { data, next }, None)
}
