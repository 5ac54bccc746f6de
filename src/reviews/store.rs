//! How rubrics, profiles, committees, reviews and plans are kept and found.

use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::model::{
    Committee, CommitteeRow, Draft, PlanId, PlanRow, PlanState, Profile, ProfileRow, Review,
    ReviewId, ReviewState, Rubric, RubricRow, Vote, document,
};
use super::scoring::Counted;
use crate::app::Tx;
use crate::applications::{Application, ApplicationId};
use crate::auth::{AccountId, Caller, Role};
use crate::db::dialect::Each;
use crate::db::schema::{
    applications, calls, committee_votes, committees, review_plans, reviewer_profiles, reviews,
    rubrics,
};
use crate::db::{Conn, Json, Moment, MultiBackend};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::network::{CallId, CohortId, ProgrammeId};
use crate::projects;

type Condition = Box<dyn BoxableExpression<reviews::table, MultiBackend, SqlType = Bool>>;

/// The project of a review's application.
const PROJECT: &str =
    "(SELECT a.project_id FROM applications a WHERE a.id = reviews.application_id)";

/// Reviews that exist for the caller: those of the applications they run, and their own as long as they hold the role and
/// are in no conflict.
fn visible(caller: &Caller) -> reviews::BoxedQuery<'static, MultiBackend> {
    let query = reviews::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    let mut conditions: Vec<Condition> = within(caller, Role::Coordinator);
    conditions.extend(own(caller));
    let any = conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)));
    query.filter(any.unwrap_or_else(|| Box::new(reviews::created_at.lt(reviews::created_at))))
}

/// What the caller reviews.
fn own(caller: &Caller) -> Option<Condition> {
    let account = caller.account()?;
    let free = projects::free_of_conflict::<reviews::table>(PROJECT, account);
    let mine: Condition = Box::new(reviews::account_id.eq(account).and(free));
    if caller.everywhere(Role::Reviewer) {
        return Some(mine);
    }
    let scope = within(caller, Role::Reviewer)
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)))?;
    Some(Box::new(mine.and(scope)))
}

/// Reviews in the regions, and of the calls of the cohorts and programmes, in which the caller has the role.
fn within(caller: &Caller, role: Role) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let regions = caller.regions(role);
    if !regions.is_empty() {
        let of_regions = applications::table
            .filter(applications::region.assume_not_null().eq_any(regions))
            .select(applications::id);
        conditions.push(Box::new(reviews::application_id.eq_any(of_regions)));
    }
    let cohorts: Vec<CohortId> = caller.cohorts(role).into_iter().map(CohortId).collect();
    if !cohorts.is_empty() {
        let of_cohorts = calls::table
            .filter(calls::cohort_id.assume_not_null().eq_any(cohorts))
            .select(calls::id);
        conditions.push(Box::new(reviews::call_id.eq_any(of_cohorts)));
    }
    let programmes: Vec<ProgrammeId> = caller
        .programmes(role)
        .into_iter()
        .map(ProgrammeId)
        .collect();
    if !programmes.is_empty() {
        let of_programmes = calls::table
            .filter(calls::programme_id.eq_any(programmes))
            .select(calls::id);
        conditions.push(Box::new(reviews::call_id.eq_any(of_programmes)));
    }
    conditions
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: ReviewId) -> Result<Review> {
    visible(caller)
        .filter(reviews::id.eq(id))
        .select(Review::as_select())
        .get_result(conn)
        .or_not_found()
}

/// # Errors
/// `not-found` where there is none.
pub fn review(conn: &mut Conn, id: ReviewId) -> Result<Review> {
    let one = reviews::table.find(id).select(Review::as_select());
    one.get_result(conn).or_not_found()
}

/// Which reviews a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<ReviewState>,
    pub call: Option<CallId>,
    pub application: Option<ApplicationId>,
    pub account: Option<AccountId>,
    pub updated_since: Option<Moment>,
}

pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Vec<Review>> {
    let mut query = visible(caller);
    if let Some(state) = filter.state {
        query = query.filter(reviews::state.eq(state));
    }
    if let Some(call) = filter.call {
        query = query.filter(reviews::call_id.eq(call));
    }
    if let Some(application) = filter.application {
        // Only those who run it know it by this id; a blind reviewer learns nothing by guessing.
        let run = within(caller, Role::Coordinator)
            .into_iter()
            .reduce(|either, or| Box::new(either.or(or)));
        let known: Condition = match run {
            _ if caller.everywhere(Role::Coordinator) => Box::new(reviews::id.eq(reviews::id)),
            Some(run) => run,
            None => Box::new(reviews::id.ne(reviews::id)),
        };
        query = query
            .filter(reviews::application_id.eq(application))
            .filter(known);
    }
    if let Some(account) = filter.account {
        query = query.filter(reviews::account_id.eq(account));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(reviews::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, reviews::id, ReviewId, {
        "created_at" => reviews::created_at, Moment;
        "updated_at" => reviews::updated_at, Moment;
    });
    Ok(query.select(Review::as_select()).load(conn)?)
}

/// All reviews of an application, whatever became of them.
pub fn of_application(conn: &mut Conn, application: ApplicationId) -> Result<Vec<Review>> {
    let all = reviews::table.filter(reviews::application_id.eq(application));
    let all = all.order(reviews::id).select(Review::as_select());
    Ok(all.load(conn)?)
}

/// Application, reviewer and state of every review of a call.
pub fn of_call(
    conn: &mut Conn,
    call: CallId,
) -> Result<Vec<(ApplicationId, AccountId, ReviewState)>> {
    let all = reviews::table.filter(reviews::call_id.eq(call));
    let columns = (reviews::application_id, reviews::account_id, reviews::state);
    Ok(all.select(columns).load(conn)?)
}

pub fn insert(
    tx: &mut Tx<'_>,
    id: ReviewId,
    application: &Application,
    account: AccountId,
    label: &str,
) -> Result<Review> {
    diesel::insert_into(reviews::table)
        .values((
            reviews::id.eq(id),
            reviews::application_id.eq(application.id),
            reviews::call_id.eq(application.call_id),
            reviews::account_id.eq(account),
            reviews::label.eq(label),
            reviews::state.eq(ReviewState::Open),
            reviews::scores.eq(Json(serde_json::json!({}))),
            reviews::assigned_by.eq(tx.caller.account()),
            reviews::version.eq(1_i64),
            reviews::created_at.eq(tx.now),
            reviews::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    review(tx.conn, id)
}

/// Writes down what a reviewer has so far.
pub fn keep_draft(tx: &mut Tx<'_>, seen: &Review, draft: &Draft) -> Result<Review> {
    let unchanged = reviews::table
        .find(seen.id)
        .filter(reviews::version.eq(seen.version));
    let kept = diesel::update(unchanged)
        .set((
            reviews::scores.eq(document(&draft.scores)),
            reviews::comment.eq(&draft.comment),
            reviews::private_note.eq(&draft.private_note),
            reviews::recommendation.eq(draft.recommendation),
            reviews::version.eq(seen.version + 1),
            reviews::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if kept == 0 {
        return Err(Error::stale());
    }
    review(tx.conn, seen.id)
}

/// Ends a review: submitted with what it comes to, or declined or withdrawn with the reason.
pub fn end(
    tx: &mut Tx<'_>,
    seen: &Review,
    state: ReviewState,
    weighted: Option<i64>,
    reason: Option<&str>,
) -> Result<Review> {
    let unchanged = reviews::table
        .find(seen.id)
        .filter(reviews::version.eq(seen.version));
    let ended = diesel::update(unchanged)
        .set((
            reviews::state.eq(state),
            reviews::weighted.eq(weighted),
            reviews::reason.eq(reason),
            reviews::submitted_at.eq(weighted.map(|_| tx.now)),
            reviews::version.eq(seen.version + 1),
            reviews::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if ended == 0 {
        return Err(Error::stale());
    }
    review(tx.conn, seen.id)
}

/// Every submitted review of a call whose reviewer is in no conflict with its project.
pub fn counted(conn: &mut Conn, call: CallId) -> Result<Vec<Counted>> {
    let submitted = reviews::table
        .filter(reviews::call_id.eq(call))
        .filter(reviews::state.eq(ReviewState::Submitted));
    let columns = (
        reviews::id,
        reviews::application_id,
        reviews::account_id,
        reviews::weighted.assume_not_null(),
    );
    let rows: Vec<(ReviewId, ApplicationId, AccountId, i64)> =
        submitted.select(columns).load(conn)?;
    let void = in_conflict(conn, call)?;
    let counted = rows.into_iter().filter(|(id, ..)| !void.contains(id)).map(
        |(id, application, reviewer, weighted)| Counted {
            id,
            application,
            reviewer,
            weighted: super::model::percent(weighted),
        },
    );
    Ok(counted.collect())
}

/// The reviews of a call whose reviewers are in conflict with the project. There are few: the conflicts come first.
pub fn in_conflict(conn: &mut Conn, call: CallId) -> Result<std::collections::BTreeSet<ReviewId>> {
    let mut void = std::collections::BTreeSet::new();
    for (account, project) in projects::all_conflicts(conn)? {
        let of_project = applications::table
            .filter(applications::project_id.eq(project))
            .select(applications::id);
        let found: Vec<ReviewId> = reviews::table
            .filter(reviews::call_id.eq(call))
            .filter(reviews::account_id.eq(account))
            .filter(reviews::application_id.eq_any(of_project))
            .select(reviews::id)
            .load(conn)?;
        void.extend(found);
    }
    Ok(void)
}

/// The submitted reviews of some applications.
pub fn submitted(conn: &mut Conn, ids: &[ApplicationId]) -> Result<Vec<Review>> {
    let found = reviews::table
        .filter(reviews::application_id.eq_any(ids.to_vec()))
        .filter(reviews::state.eq(ReviewState::Submitted));
    Ok(found.select(Review::as_select()).load(conn)?)
}

/// Reference and state of some applications.
pub fn named(
    conn: &mut Conn,
    ids: &[ApplicationId],
) -> Result<Vec<(ApplicationId, String, projects::ProjectId)>> {
    let found = applications::table.filter(applications::id.eq_any(ids.to_vec()));
    let columns = (
        applications::id,
        applications::reference,
        applications::project_id,
    );
    Ok(found.select(columns).load(conn)?)
}

/// The rubric of a call; none where nobody wrote one.
///
/// # Errors
/// The database's.
pub fn rubric(conn: &mut Conn, call: CallId) -> Result<Option<RubricRow>> {
    let one = rubrics::table.find(call).select(RubricRow::as_select());
    Ok(one.get_result(conn).optional()?)
}

pub fn put_rubric(tx: &mut Tx<'_>, call: CallId, seen: Option<i64>, rubric: &Rubric) -> Result<()> {
    let content = document(rubric);
    let changed = match seen {
        None => Each(
            diesel::insert_into(rubrics::table)
                .values((
                    rubrics::call_id.eq(call),
                    rubrics::content.eq(content),
                    rubrics::version.eq(1_i64),
                    rubrics::updated_at.eq(tx.now),
                ))
                .on_conflict_do_nothing(),
        )
        .execute(tx.conn)?,
        Some(version) => diesel::update(rubrics::table.find(call))
            .filter(rubrics::version.eq(version))
            .set((
                rubrics::content.eq(content),
                rubrics::version.eq(version + 1),
                rubrics::updated_at.eq(tx.now),
            ))
            .execute(tx.conn)?,
    };
    expect_one(changed)
}

fn expect_one(changed: usize) -> Result<()> {
    if changed == 0 {
        Err(Error::stale())
    } else {
        Ok(())
    }
}

/// Whether anybody has given scores by the call's rubric.
pub fn has_scores(conn: &mut Conn, call: CallId) -> Result<bool> {
    let begun: Vec<Json> = reviews::table
        .filter(reviews::call_id.eq(call))
        .filter(reviews::state.eq_any([ReviewState::Open, ReviewState::Submitted]))
        .select(reviews::scores)
        .load(conn)?;
    Ok(begun.iter().any(|scores| {
        scores
            .0
            .as_object()
            .is_some_and(|scores| !scores.is_empty())
    }))
}

pub fn committee(conn: &mut Conn, call: CallId) -> Result<Option<CommitteeRow>> {
    let one = committees::table
        .find(call)
        .select(CommitteeRow::as_select());
    Ok(one.get_result(conn).optional()?)
}

pub fn put_committee(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: Option<i64>,
    committee: &Committee,
) -> Result<()> {
    let content = document(committee);
    let changed = match seen {
        None => Each(
            diesel::insert_into(committees::table)
                .values((
                    committees::call_id.eq(call),
                    committees::content.eq(content),
                    committees::version.eq(1_i64),
                    committees::updated_at.eq(tx.now),
                ))
                .on_conflict_do_nothing(),
        )
        .execute(tx.conn)?,
        Some(version) => diesel::update(committees::table.find(call))
            .filter(committees::version.eq(version))
            .set((
                committees::content.eq(content),
                committees::version.eq(version + 1),
                committees::updated_at.eq(tx.now),
            ))
            .execute(tx.conn)?,
    };
    expect_one(changed)
}

pub fn votes(conn: &mut Conn, application: ApplicationId) -> Result<Vec<(AccountId, Vote)>> {
    let all = committee_votes::table.filter(committee_votes::application_id.eq(application));
    let columns = (committee_votes::account_id, committee_votes::vote);
    Ok(all
        .order(committee_votes::account_id)
        .select(columns)
        .load(conn)?)
}

pub fn put_vote(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    account: AccountId,
    vote: Vote,
) -> Result<()> {
    let row = (
        committee_votes::application_id.eq(application),
        committee_votes::account_id.eq(account),
        committee_votes::vote.eq(vote),
        committee_votes::updated_at.eq(tx.now),
    );
    let row = diesel::insert_into(committee_votes::table).values(row);
    let again = (
        committee_votes::vote.eq(vote),
        committee_votes::updated_at.eq(tx.now),
    );
    let key = (committee_votes::application_id, committee_votes::account_id);
    Each(row.on_conflict(key).do_update().set(again)).execute(tx.conn)?;
    Ok(())
}

pub fn profile(conn: &mut Conn, account: AccountId) -> Result<Option<ProfileRow>> {
    let one = reviewer_profiles::table
        .find(account)
        .select(ProfileRow::as_select());
    Ok(one.get_result(conn).optional()?)
}

pub fn put_profile(
    tx: &mut Tx<'_>,
    account: AccountId,
    seen: Option<i64>,
    profile: &Profile,
) -> Result<()> {
    let content = document(profile);
    let changed = match seen {
        None => Each(
            diesel::insert_into(reviewer_profiles::table)
                .values((
                    reviewer_profiles::account_id.eq(account),
                    reviewer_profiles::content.eq(content),
                    reviewer_profiles::version.eq(1_i64),
                    reviewer_profiles::created_at.eq(tx.now),
                    reviewer_profiles::updated_at.eq(tx.now),
                ))
                .on_conflict_do_nothing(),
        )
        .execute(tx.conn)?,
        Some(version) => diesel::update(reviewer_profiles::table.find(account))
            .filter(reviewer_profiles::version.eq(version))
            .set((
                reviewer_profiles::content.eq(content),
                reviewer_profiles::version.eq(version + 1),
                reviewer_profiles::updated_at.eq(tx.now),
            ))
            .execute(tx.conn)?,
    };
    expect_one(changed)
}

pub fn plan(conn: &mut Conn, id: PlanId) -> Result<PlanRow> {
    let one = review_plans::table.find(id).select(PlanRow::as_select());
    one.get_result(conn).or_not_found()
}

pub fn insert_plan(tx: &mut Tx<'_>, call: CallId, content: Json) -> Result<PlanRow> {
    let id: PlanId = tx.new_id();
    diesel::insert_into(review_plans::table)
        .values((
            review_plans::id.eq(id),
            review_plans::call_id.eq(call),
            review_plans::state.eq(PlanState::Proposed),
            review_plans::content.eq(content),
            review_plans::made_by.eq(tx.caller.account()),
            review_plans::version.eq(1_i64),
            review_plans::created_at.eq(tx.now),
            review_plans::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    plan(tx.conn, id)
}

pub fn mark_applied(tx: &mut Tx<'_>, seen: &PlanRow) -> Result<PlanRow> {
    let unchanged = review_plans::table
        .find(seen.id)
        .filter(review_plans::version.eq(seen.version));
    let changed = diesel::update(unchanged)
        .set((
            review_plans::state.eq(PlanState::Applied),
            review_plans::version.eq(seen.version + 1),
            review_plans::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    expect_one(changed)?;
    plan(tx.conn, seen.id)
}
