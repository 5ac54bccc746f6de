//! What happens when reviews are planned and a plan is applied; and the facts that both follow from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::actions::{give, needed_rubric};
use super::model::{PlanId, PlanRow, PlanState, Profile, Refusal, ReviewState, Rubric, document};
use super::planner::{Candidate, Exclusion, Facts, Item, Pair, Plan, plan};
use super::setup::own_call;
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::applications::{self, Application, ApplicationId, ApplicationState};
use crate::auth::{AccountId, Actor, Caller, Role, Scope};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, Refused, Result};
use crate::events::{self, Fact};
use crate::network::{self, Call, CallId};
use crate::projects::{self, ProjectId};

/// What reviewers take who have not said.
const USUAL_LOAD: i32 = 20;

/// Proposes who reviews what is short of reviews. Reviews that there are stay as they are.
///
/// # Errors
/// `not-allowed`, `rubric-missing`.
pub fn make(tx: &mut Tx<'_>, call: CallId) -> Result<PlanRow> {
    let call = network::call(tx.conn, call)?;
    if !network::may_run(tx.caller, &call) {
        return Err(Error::refused("not-allowed"));
    }
    let rubric = needed_rubric(tx.conn, call.id)?.content;
    let facts = facts(tx.conn, call, &rubric, tx.now)?;
    let plan = plan(&facts);
    let row = store::insert_plan(tx, facts.call.id, document(&plan))?;
    record(tx, "review_plan.made", &row, &plan, Value::Null)?;
    Ok(row)
}

/// Applies a plan, all of it or nothing.
///
/// # Errors
/// `not-allowed`, `plan-applied`, `plan-stale` with every pair that no longer fits and why.
pub fn apply(tx: &mut Tx<'_>, id: PlanId) -> Result<PlanRow> {
    let row = own_plan(tx, id)?;
    let call = own_call(tx, row.call_id)?;
    let row = own_plan(tx, row.id)?;
    if row.state == PlanState::Applied {
        return Err(Refusal::PlanApplied.into());
    }
    let rubric = needed_rubric(tx.conn, call.id)?;
    let proposed: Plan =
        serde_json::from_value(row.content.0.clone()).map_err(anyhow::Error::from)?;
    let facts = facts(tx.conn, call, &rubric.content, tx.now)?;
    let changed = misfits(&facts, &proposed.pairs);
    if !changed.is_empty() {
        let mut refused = Refused::new(Refusal::PlanStale.code());
        refused.fields = changed;
        return Err(refused.into());
    }
    for pair in &proposed.pairs {
        let application = applications::lock(tx.conn, &Caller::system(), pair.application_id)?;
        give(tx, &application, pair.account_id, &rubric)?;
    }
    let applied = store::mark_applied(tx, &row)?;
    record(
        tx,
        "review_plan.applied",
        &applied,
        &proposed,
        json!({ "state": row.state }),
    )?;
    Ok(applied)
}

/// A plan of a call that the caller runs; others don't see it.
///
/// # Errors
/// `not-found`.
pub fn own_plan(tx: &mut Tx<'_>, id: PlanId) -> Result<PlanRow> {
    visible_plan(tx.conn, tx.caller, id)
}

/// The same for reading.
///
/// # Errors
/// `not-found`.
pub fn visible_plan(conn: &mut Conn, caller: &Caller, id: PlanId) -> Result<PlanRow> {
    let row = store::plan(conn, id)?;
    let call = network::call(conn, row.call_id)?;
    if network::may_run(caller, &call) {
        Ok(row)
    } else {
        Err(Error::not_found())
    }
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    row: &PlanRow,
    plan: &Plan,
    before: Value,
) -> Result<()> {
    let data = json!({
        "plan_id": row.id, "pairs": plan.pairs.len(), "unmet": plan.unmet.len(),
    });
    let fact = Fact::new(kind, "call", row.call_id.0).data(data);
    events::note(tx, fact.changed(before, json!({ "state": row.state }))).map(|_| ())
}

/// The pairs of a plan that can't be had any more.
fn misfits(facts: &Facts, pairs: &[Pair]) -> Vec<FieldError> {
    let mut changed = Vec::new();
    let (mut given, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for (at, pair) in pairs.iter().enumerate() {
        let item = facts
            .items
            .iter()
            .find(|item| item.application == pair.application_id);
        let who = facts
            .candidates
            .iter()
            .find(|who| who.account == pair.account_id);
        let why = match (item, who) {
            (None, _) => Some("closed"),
            (_, None) => Some(Exclusion::Role.as_str()),
            (Some(item), Some(who)) => {
                let (given, taken) = (
                    given.entry(item.application).or_insert(0),
                    taken.entry(who.account).or_insert(who.load),
                );
                *given += 1;
                *taken += 1;
                if let Some(why) = facts.keeps_from(who, item) {
                    Some(why.as_str())
                } else if *given > item.wanted {
                    Some("enough")
                } else {
                    (*taken > who.profile.max_load).then_some(Exclusion::Full.as_str())
                }
            }
        };
        if let Some(why) = why {
            let error = FieldError::new(format!("/pairs/{at}"), "pair-no-longer-fits");
            changed.push(error.with("reason", why));
        }
    }
    changed
}

/// What a plan for a call follows from at this moment.
///
/// # Errors
/// The database's.
pub fn facts(conn: &mut Conn, call: Call, rubric: &Rubric, now: Moment) -> Result<Facts> {
    let states: Vec<ApplicationState> = ApplicationState::ALL
        .iter()
        .copied()
        .filter(|state| super::model::is_under_review(*state))
        .collect();
    let open = applications::of_call(conn, call.id, &states)?;
    let mut people = BTreeSet::new();
    for scope in scopes(conn, &call)? {
        people.extend(accounts::people_with_role(
            conn,
            Role::Reviewer,
            &scope,
            now,
        )?);
    }
    gather(conn, call, rubric, &open, &people, now)
}

/// The same for one application and one reviewer.
///
/// # Errors
/// `rubric-missing`.
pub fn facts_of_pair(
    tx: &mut Tx<'_>,
    application: &Application,
    account: AccountId,
) -> Result<Facts> {
    let call = network::call(tx.conn, application.call_id)?;
    let rubric = needed_rubric(tx.conn, call.id)?.content;
    let person = accounts::find(tx.conn, account).ok();
    let people = person
        .filter(accounts::Account::is_active)
        .map(|one| one.id)
        .into_iter()
        .collect();
    let one = std::slice::from_ref(application);
    gather(tx.conn, call, &rubric, one, &people, tx.now)
}

/// Where a reviewer's grant may hold, to reach the call.
fn scopes(conn: &mut Conn, call: &Call) -> Result<Vec<Scope>> {
    let mut scopes = vec![
        Scope::Network,
        Scope::Programme {
            id: call.programme_id.0,
        },
    ];
    scopes.extend(call.cohort_id.map(|cohort| Scope::Cohort { id: cohort.0 }));
    let regions = network::programme(conn, call.programme_id)?.regions;
    scopes.extend(regions.into_iter().map(|region| Scope::Region { region }));
    Ok(scopes)
}

fn gather(
    conn: &mut Conn,
    call: Call,
    rubric: &Rubric,
    open: &[Application],
    people: &BTreeSet<AccountId>,
    now: Moment,
) -> Result<Facts> {
    let reviews = store::of_call(conn, call.id)?;
    let mut candidates = Vec::new();
    for account in people {
        let load = reviews.iter().filter(|(_, reviewer, state)| {
            reviewer == account && matches!(state, ReviewState::Open | ReviewState::Submitted)
        });
        let load = i32::try_from(load.count()).unwrap_or(i32::MAX);
        candidates.push(candidate(conn, *account, load, now)?);
    }
    let conflicts = projects::all_conflicts(conn)?.into_iter().collect();
    let items = items(conn, open, &reviews, rubric, &conflicts)?;
    Ok(Facts {
        call,
        blind: rubric.blind,
        avoid_own_region: rubric.avoid_own_region,
        avoid_own_organisation: rubric.avoid_own_organisation,
        candidates,
        items,
        conflicts,
    })
}

fn candidate(conn: &mut Conn, account: AccountId, load: i32, now: Moment) -> Result<Candidate> {
    let rights = Caller {
        actor: Actor::Account(account),
        grants: accounts::grants_at(conn, account, now)?,
        ..Caller::nobody()
    };
    let organisations = rights.grants.iter().filter_map(|grant| match &grant.scope {
        Scope::Organisation { id } => Some(*id),
        _ => None,
    });
    let organisations = organisations.collect();
    let profile = match store::profile(conn, account)? {
        Some(row) => row.content,
        None => Profile {
            sectors: Vec::new(),
            languages: vec![accounts::find(conn, account)?.language],
            region: None,
            max_load: USUAL_LOAD,
        },
    };
    Ok(Candidate {
        account,
        rights,
        profile,
        organisations,
        load,
    })
}

fn items(
    conn: &mut Conn,
    open: &[Application],
    reviews: &[(ApplicationId, AccountId, ReviewState)],
    rubric: &Rubric,
    conflicts: &BTreeSet<(AccountId, ProjectId)>,
) -> Result<Vec<Item>> {
    let ids: Vec<uuid::Uuid> = open.iter().map(|one| one.project_id.0).collect();
    let mut bodies: BTreeMap<uuid::Uuid, BTreeSet<uuid::Uuid>> = BTreeMap::new();
    for (project, body) in accounts::organisations_of_teams(conn, &ids)? {
        bodies.entry(project).or_default().insert(body);
    }
    let mut items = Vec::new();
    for application in open {
        let project = projects::find(conn, application.project_id)?;
        let own = || reviews.iter().filter(|(id, ..)| *id == application.id);
        let standing = own().filter(|(_, account, state)| {
            let stands = matches!(state, ReviewState::Open | ReviewState::Submitted);
            stands && !conflicts.contains(&(*account, project.id))
        });
        let standing = i32::try_from(standing.count()).unwrap_or(i32::MAX);
        let known = own().filter(|(_, _, state)| *state != ReviewState::Withdrawn);
        items.push(Item {
            application: application.id,
            project: project.id,
            region: application.region.clone(),
            language: project.language,
            sector: project.sector,
            organisations: bodies.get(&project.id.0).cloned().unwrap_or_default(),
            known: known.map(|(_, account, _)| *account).collect(),
            wanted: (rubric.reviews_per_application - standing).max(0),
        });
    }
    Ok(items)
}
