//! What all scores of a call come to, over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::model::{ReviewId, kept, percent};
use super::super::scoring::{Standing, standings};
use super::super::store;
use crate::applications::{self, ApplicationId};
use crate::auth::policy;
use crate::db::Conn;
use crate::error::{Error, FieldError, Result};
use crate::http::page::{self, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Routes};
use crate::network::{self, CallId};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(list_scores, policy::STAFF);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListScores {
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-normalised` (default), `normalised`, `-weighted`, `weighted`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct ScoreOut {
    application_id: ApplicationId,
    reference: String,
    project_id: ProjectId,
    /// Submitted reviews that count.
    reviews: usize,
    /// The mean of the weighted scores, in percent of the scales.
    weighted: f64,
    /// The same with each reviewer's strictness and range taken out.
    normalised: f64,
    /// The standard deviation of the weighted scores; null below two reviews.
    spread: Option<f64>,
    /// Reviews more than 25 points from the median of the others, where there are three or more.
    outliers: Vec<ReviewId>,
    /// The mean score by criterion, on its own scale.
    #[schema(value_type = Object)]
    criteria: BTreeMap<String, f64>,
}

/// The applications to a call that have reviews, by what their scores come to. Those that you see.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path), ListScores), responses((status = 200, body = Page<ScoreOut>)))]
#[get("/v1/calls/{id}/scores")]
async fn list_scores(ctx: Ctx, id: Path<CallId>, query: Query<ListScores>) -> Result<HttpResponse> {
    let (id, Query(query)) = (id.into_inner(), query);
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let sorts = ["-normalised", "normalised", "-weighted", "weighted"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| {
            let call = network::call(conn, id)?;
            let mut all = standings(&store::counted(conn, id)?);
            if !network::may_run(caller, &call) {
                let seen = applications::visible_of_call(conn, caller, id)?;
                let seen: BTreeSet<ApplicationId> = seen.into_iter().collect();
                all.retain(|one| seen.contains(&one.application));
            }
            let some = slice(all, &wanted)?;
            load(conn, id, some)
        })
        .await?;
    let key = |out: &ScoreOut, by: &str| {
        let score = if by == "weighted" {
            out.weighted
        } else {
            out.normalised
        };
        (kept(score).to_string(), out.application_id.0)
    };
    page::answer(&ctx, &keyset.page(found, key), paging.format)
}

/// A page of what was worked out, and one more: ordered by score and id, from the cursor on.
fn slice(mut all: Vec<Standing>, keyset: &Keyset) -> Result<Vec<Standing>> {
    let by_weight = keyset.by == "weighted";
    let key = |one: &Standing| {
        let score = if by_weight {
            one.weighted
        } else {
            one.normalised
        };
        (kept(score), one.application)
    };
    all.sort_by_key(key);
    if keyset.descending {
        all.reverse();
    }
    if let Some(after) = &keyset.after {
        let wrong = || Error::invalid(vec![FieldError::new("/cursor", "wrong-cursor")]);
        let last: i64 = after.value.parse().map_err(|_| wrong())?;
        let last = (last, ApplicationId(after.id));
        all.retain(|one| {
            if keyset.descending {
                key(one) < last
            } else {
                key(one) > last
            }
        });
    }
    all.truncate(usize::try_from(keyset.limit + 1).unwrap_or(1));
    Ok(all)
}

fn load(conn: &mut Conn, call: CallId, standings: Vec<Standing>) -> Result<Vec<ScoreOut>> {
    let ids: Vec<ApplicationId> = standings.iter().map(|one| one.application).collect();
    let void = store::in_conflict(conn, call)?;
    let mut names = BTreeMap::new();
    for (id, reference, project) in store::named(conn, &ids)? {
        names.insert(id, (reference, project));
    }
    let mut sums: BTreeMap<ApplicationId, BTreeMap<String, (f64, f64)>> = BTreeMap::new();
    let reviews = store::submitted(conn, &ids)?;
    for review in reviews.iter().filter(|one| !void.contains(&one.id)) {
        let sums = sums.entry(review.application_id).or_default();
        for (criterion, score) in review.scores() {
            let (sum, count) = sums.entry(criterion).or_insert((0.0, 0.0));
            *sum += score;
            *count += 1.0;
        }
    }
    let mut out = Vec::new();
    for one in standings {
        let Some((reference, project_id)) = names.remove(&one.application) else {
            continue;
        };
        let means = sums.remove(&one.application).unwrap_or_default();
        let means = means.into_iter();
        out.push(ScoreOut {
            application_id: one.application,
            reference,
            project_id,
            reviews: one.reviews,
            weighted: rounded(one.weighted),
            normalised: rounded(one.normalised),
            spread: one.spread.map(rounded),
            outliers: one.outliers,
            criteria: means
                .map(|(criterion, (sum, count))| (criterion, rounded(sum / count)))
                .collect(),
        });
    }
    Ok(out)
}

/// To the ten-thousandth, as scores are kept.
fn rounded(score: f64) -> f64 {
    percent(kept(score))
}
