//! Dashboards over HTTP.

use actix_web::get;
use actix_web::web::Path;

use super::model::{About, Dashboard, dashboard};
use super::store::{self, Scope};
use crate::auth::{Caller, Role, policy};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::http::{Ctx, Reply, Routes};
use crate::network::{self, CohortId};

pub fn register(routes: &mut Routes) {
    routes.add(show_cohort_dashboard, policy::DASHBOARDS);
    routes.add(show_region_dashboard, policy::DASHBOARDS);
    routes.add(show_dashboard, policy::DASHBOARDS);
}

/// How a caller sees a dashboard: over which regions, and whether small counts are hidden.
struct View {
    regions: Option<Vec<String>>,
    as_partner: bool,
}

/// The view that a role gives of a cohort, of a region, or of the network; none where it gives none.
fn view_as(
    caller: &Caller,
    role: Role,
    cohort: Option<&network::Cohort>,
    region: Option<&str>,
) -> Option<View> {
    let as_partner = role == Role::Partner;
    let own = caller.regions(role);
    let of_cohort = cohort.is_some_and(|cohort| {
        caller.cohorts(role).contains(&cohort.id.0)
            || caller.programmes(role).contains(&cohort.programme_id.0)
    });
    match (region, cohort) {
        _ if caller.everywhere(role) => Some(View {
            regions: region.map(|one| vec![one.to_owned()]),
            as_partner,
        }),
        (None, Some(_)) if of_cohort => Some(View {
            regions: None,
            as_partner,
        }),
        // A cohort spans regions; who works in some of them sees the part that lies there.
        (None, Some(_)) if !own.is_empty() => Some(View {
            regions: Some(own),
            as_partner,
        }),
        (Some(region), _) if own.iter().any(|one| one == region) => Some(View {
            regions: Some(vec![region.to_owned()]),
            as_partner,
        }),
        _ => None,
    }
}

/// Those who run the network see everything; a partner's view is the one with small counts hidden.
fn view(caller: &Caller, cohort: Option<&network::Cohort>, region: Option<&str>) -> Result<View> {
    view_as(caller, Role::Coordinator, cohort, region)
        .or_else(|| view_as(caller, Role::Partner, cohort, region))
        .ok_or_else(Error::not_found)
}

async fn show(ctx: &Ctx, cohort: Option<CohortId>, region: Option<String>) -> Result<Reply> {
    let (now, settings) = (ctx.now, ctx.app.config.network.clone());
    ctx.kept(move |conn: &mut Conn, caller| {
        let cohort = cohort.map(|id| network::cohort(conn, id)).transpose()?;
        if let Some(code) = &region {
            network::region_names(conn, code)?;
        }
        let view = view(caller, cohort.as_ref(), region.as_deref())?;
        let scope = Scope {
            cohort: cohort.as_ref().map(|cohort| cohort.id.0),
            regions: view.regions.clone(),
        };
        let figures = store::figures(conn, &scope, now, settings.quiet_days)?;
        let about = About {
            cohort_id: scope.cohort,
            region,
            regions: view.regions,
            on: now.day(),
        };
        let out: Dashboard = dashboard(
            about,
            &figures,
            view.as_partner.then_some(settings.small_cell_threshold),
        );
        Ok(Reply::ok(&out)?.tagged_by_content())
    })
    .await
}

/// The figures of a cohort. Who works in some regions only sees the part that lies there.
#[utoipa::path(tag = "dashboards", params(("id" = CohortId, Path)), responses((status = 200, body = Dashboard)))]
#[get("/v1/cohorts/{id}/dashboard")]
async fn show_cohort_dashboard(ctx: Ctx, id: Path<CohortId>) -> Result<Reply> {
    show(&ctx, Some(id.into_inner()), None).await
}

/// The figures of a region.
#[utoipa::path(tag = "dashboards", params(("code" = String, Path)), responses((status = 200, body = Dashboard)))]
#[get("/v1/regions/{code}/dashboard")]
async fn show_region_dashboard(ctx: Ctx, code: Path<String>) -> Result<Reply> {
    show(&ctx, None, Some(code.into_inner())).await
}

/// The figures of the network.
#[utoipa::path(tag = "dashboards", responses((status = 200, body = Dashboard)))]
#[get("/v1/dashboard")]
async fn show_dashboard(ctx: Ctx) -> Result<Reply> {
    show(&ctx, None, None).await
}
