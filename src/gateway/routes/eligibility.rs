//! Dry runs, overrides and late entry over HTTP.

use actix_web::post;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::actions;
use super::matches::DuplicateOut;
use crate::applications::{self, ApplicationId, ApplicationOut};
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::eligibility::{Reason, WaivableRule};
use crate::error::Result;
use crate::http::catalogue::CATALOGUE;
use crate::http::{Ctx, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::throttle;

pub fn register(routes: &mut Routes) {
    routes.add(check_eligibility, policy::SIGNED_IN);
    routes.add_versioned(override_rule, policy::STAFF);
    routes.add(enter_late, policy::SIGNED_IN);
}

/// Who answers for it that a reason does not count.
#[derive(Serialize, ToSchema)]
struct OverriddenOut {
    by: Option<AccountId>,
    reason: String,
}

/// One reason against submitting.
#[derive(Serialize, ToSchema)]
struct EligibilityReasonOut {
    code: String,
    /// JSON Pointer (RFC 6901) to what it is about.
    pointer: String,
    /// In the caller's language.
    text: String,
    /// The values in the text.
    #[schema(value_type = Object)]
    values: Map<String, Value>,
    /// Whether it keeps the application out now.
    blocks: bool,
    /// Whether a coordinator may waive it.
    overridable: bool,
    overridden: Option<OverriddenOut>,
}

impl EligibilityReasonOut {
    fn new(reason: Reason, lang: Lang) -> Self {
        let blocks = reason.stands();
        let Reason {
            mut told,
            overridable,
            overridden,
            ..
        } = reason;
        CATALOGUE.fill_field(&mut told, lang);
        let values = told.values.into_iter();
        Self {
            code: told.code.into_owned(),
            pointer: told.pointer,
            text: told.message,
            values: values
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect(),
            blocks,
            overridable,
            overridden: overridden.map(|one| OverriddenOut {
                by: one.by,
                reason: one.reason,
            }),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct EligibilityOut {
    /// Whether it could be submitted now, as far as the call's rules go.
    eligible: bool,
    /// Every reason at once, those too that were waived or are only told.
    reasons: Vec<EligibilityReasonOut>,
    /// Projects that may be the same one; for coordinators, of what they may see.
    duplicates: Vec<DuplicateOut>,
}

/// Say what submitting would say now. Nothing is kept.
#[utoipa::path(tag = "eligibility", params(("id" = ApplicationId, Path)), responses((status = 200, body = EligibilityOut)))]
#[post("/v1/applications/{id}/eligibility")]
async fn check_eligibility(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, now, lang) = (id.into_inner(), ctx.now, ctx.lang);
    let app = ctx.app.clone();
    let found = ctx.read(move |conn, caller| actions::dry_run(conn, &app, caller, id, now));
    let found = found.await?;
    let out = EligibilityOut {
        eligible: !found.reasons.iter().any(Reason::stands),
        reasons: found
            .reasons
            .into_iter()
            .map(|reason| EligibilityReasonOut::new(reason, lang))
            .collect(),
        duplicates: DuplicateOut::all(found.alike, lang),
    };
    Reply::ok(&out)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OverrideRule {
    /// The rule, as the dry run names it.
    code: WaivableRule,
    /// Why; the team reads it too.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// Let a draft in although a rule of its call leaves it out. A coordinator answers for it.
#[utoipa::path(tag = "eligibility", params(("id" = ApplicationId, Path)), request_body = OverrideRule, responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/overrides")]
async fn override_rule(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<OverrideRule>,
) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    let Valid(OverrideRule { code, reason }) = body;
    ctx.write(move |tx| {
        applications::shown(applications::override_rule(tx, id, &seen, code, &reason)?)
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnterLate {
    #[schema(format = "password", min_length = 1, max_length = 200)]
    code: String,
}

#[derive(Serialize, ToSchema)]
struct LateEntryOut {
    application_id: ApplicationId,
    /// It may be submitted until then, although the call is closed.
    until: Moment,
}

/// Use a late-entry code for a draft. Each code lets one application in.
#[utoipa::path(tag = "eligibility", params(("id" = ApplicationId, Path)), request_body = EnterLate, responses((status = 200, body = LateEntryOut)))]
#[post("/v1/applications/{id}/late-entry")]
async fn enter_late(ctx: Ctx, id: Path<ApplicationId>, body: Valid<EnterLate>) -> Result<Reply> {
    let (id, code) = (id.into_inner(), body.0.code);
    let done = ctx.write(move |tx| {
        let until = actions::enter_late(tx, id, &code)?;
        Reply::ok(&LateEntryOut {
            application_id: id,
            until,
        })
    });
    match done.await {
        Err(error) if error.code() == Some("late-entry-code-not-valid") => {
            throttle::refuse_wrong_code(&ctx, error).await
        }
        done => done,
    }
}
