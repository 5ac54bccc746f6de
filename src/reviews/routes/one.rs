//! A review as it is shown: its author doesn't see whose application it is where the call is blind, others don't see what
//! its author notes for themselves.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::model::{Recommendation, Review, ReviewId, ReviewState, Scores, percent};
use super::super::store;
use crate::accounts;
use crate::applications::{self, ApplicationId};
use crate::auth::{AccountId, Caller};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::network::{CallId, Sector};
use crate::projects::{self, ProjectId};

#[derive(Serialize, ToSchema)]
pub struct ReviewOut {
    pub id: ReviewId,
    /// The id by which you find the application at `/v1/applications`.
    pub application_id: ApplicationId,
    pub call_id: CallId,
    account_id: AccountId,
    reviewer: String,
    /// What the application is called: its reference, or a name of this review's own where the call is blind.
    label: String,
    /// Null where the call is blind.
    project: Option<PublicFace>,
    state: ReviewState,
    /// By criterion.
    scores: Scores,
    comment: Option<String>,
    /// For its author only.
    private_note: Option<String>,
    recommendation: Option<Recommendation>,
    /// What the scores come to in percent, once they are submitted.
    weighted: Option<f64>,
    /// Whether its reviewer has a conflict of interest with the project: then it does not count.
    in_conflict: bool,
    due_at: Option<Moment>,
    /// Why it was declined.
    reason: Option<String>,
    submitted_at: Option<Moment>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// What everybody may know of a project.
#[derive(Serialize, ToSchema)]
struct PublicFace {
    id: ProjectId,
    title: String,
    summary: String,
    sector: Sector,
}

impl ReviewOut {
    pub fn load(conn: &mut Conn, caller: &Caller, row: Review) -> Result<Self> {
        let own = caller.account() == Some(row.account_id);
        let rubric = store::rubric(conn, row.call_id)?;
        let (blind, due_at) =
            rubric.map_or((true, None), |row| (row.content.blind, row.content.due_at));
        let application = applications::find(conn, row.application_id)?;
        let project = projects::find(conn, application.project_id)?;
        let in_conflict = projects::in_conflict(conn, row.account_id, project.id)?;
        let reviewer = accounts::find(conn, row.account_id)?.name;
        let hidden = own && blind;
        let scores = row.scores();
        Ok(Self {
            id: row.id,
            application_id: if hidden {
                ApplicationId(row.id.0)
            } else {
                row.application_id
            },
            call_id: row.call_id,
            account_id: row.account_id,
            reviewer,
            label: if hidden {
                row.label
            } else {
                application.reference
            },
            project: (!hidden).then_some(PublicFace {
                id: project.id,
                title: project.title,
                summary: project.summary,
                sector: project.sector,
            }),
            state: row.state,
            scores,
            comment: row.comment,
            private_note: row.private_note.filter(|_| own),
            recommendation: row.recommendation,
            weighted: row.weighted.map(percent),
            in_conflict,
            due_at,
            reason: row.reason,
            submitted_at: row.submitted_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
