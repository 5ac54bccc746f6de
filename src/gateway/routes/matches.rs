//! What suits an application, and what may be the same as it, over HTTP.

use actix_web::get;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::actions;
use super::super::likeness::Alike;
use super::super::matches::{Initiative, InitiativeKind};
use super::super::model::Hint;
use super::HintOut;
use crate::applications::ApplicationId;
use crate::auth::policy;
use crate::db::Moment;
use crate::error::Result;
use crate::http::{Ctx, Reply, Routes};
use crate::lang::Lang;
use crate::network::{OrganisationId, Pillar, ProgrammeId};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(list_matches, policy::READ_PROJECTS);
    routes.add(list_duplicates, policy::READ_PROJECTS);
}

/// A call, a programme without one, or an organisation's mandate.
#[derive(Serialize, ToSchema)]
struct InitiativeOut {
    kind: InitiativeKind,
    /// The id of the call, the programme or the mandate.
    id: Uuid,
    /// The call's, the programme's or the organisation's.
    slug: String,
    name: String,
    /// The call that the application answers.
    is_own: bool,
    programme_id: Option<ProgrammeId>,
    organisation_id: Option<OrganisationId>,
    pillar: Option<Pillar>,
    region: Option<String>,
    closes_at: Option<Moment>,
    /// The sum of the reasons' points; null where it is excluded.
    score: Option<i32>,
    reasons: Vec<HintOut>,
    /// The rules that exclude it; empty where it suits.
    excluded_by: Vec<HintOut>,
}

impl InitiativeOut {
    fn new(one: Initiative, lang: Lang) -> Self {
        let score = one.suits().then(|| one.score());
        Self {
            reasons: HintOut::all(&one.reasons, lang),
            excluded_by: HintOut::all(&one.against, lang),
            name: one.names.get(lang).to_owned(),
            kind: one.kind,
            id: one.id,
            slug: one.slug,
            is_own: one.is_own,
            programme_id: one.programme_id,
            organisation_id: one.organisation_id,
            pillar: one.pillar,
            region: one.region,
            closes_at: one.closes_at,
            score,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct MatchesOut {
    /// The pillar that the ranking goes by: the project's, or the one in which projects begin.
    pillar: Pillar,
    /// The best first.
    suitable: Vec<InitiativeOut>,
    excluded: Vec<InitiativeOut>,
}

/// Every initiative of the network: those that suit the application, ranked with their reasons, and the rule that excluded
/// each of the others.
#[utoipa::path(tag = "gateway", params(("id" = ApplicationId, Path)), responses((status = 200, body = MatchesOut)))]
#[get("/v1/applications/{id}/matches")]
async fn list_matches(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, now, lang) = (id.into_inner(), ctx.now, ctx.lang);
    let found = ctx.read(move |conn, caller| actions::matches(conn, caller, id, now));
    let (pillar, found) = found.await?;
    let (suitable, excluded): (Vec<_>, Vec<_>) = found.into_iter().partition(Initiative::suits);
    let shown = |all: Vec<Initiative>| {
        all.into_iter()
            .map(|one| InitiativeOut::new(one, lang))
            .collect()
    };
    let out = MatchesOut {
        pillar,
        suitable: shown(suitable),
        excluded: shown(excluded),
    };
    Reply::ok(&out)
}

/// A project that may be the same one.
#[derive(Serialize, ToSchema)]
pub struct DuplicateOut {
    project_id: ProjectId,
    reference: String,
    title: String,
    /// How like the titles are, in hundredths.
    likeness: i32,
    reasons: Vec<HintOut>,
}

impl DuplicateOut {
    pub fn all(found: Vec<Alike>, lang: Lang) -> Vec<Self> {
        let one = |alike: Alike| {
            let hints: Vec<Hint> = alike.codes.iter().map(|code| Hint::new(code, 0)).collect();
            Self {
                project_id: alike.project.id,
                reference: alike.project.reference,
                title: alike.project.title,
                likeness: alike.likeness,
                reasons: HintOut::all(&hints, lang),
            }
        };
        found.into_iter().map(one).collect()
    }
}

#[derive(Serialize, ToSchema)]
struct DuplicatesOut {
    data: Vec<DuplicateOut>,
}

/// Projects that may be the same one as the application's, of those that the caller sees from inside.
#[utoipa::path(tag = "gateway", params(("id" = ApplicationId, Path)), responses((status = 200, body = DuplicatesOut)))]
#[get("/v1/applications/{id}/duplicates")]
async fn list_duplicates(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, now, lang) = (id.into_inner(), ctx.now, ctx.lang);
    let found = ctx.read(move |conn, caller| actions::duplicates(conn, caller, id, now));
    let data = DuplicateOut::all(found.await?, lang);
    Reply::ok(&DuplicatesOut { data })
}
