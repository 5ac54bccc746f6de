//! The figures in SQL. A read model: it reads the tables of the slices below and writes none.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::Duration;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text};
use uuid::Uuid;

use super::model::{Figures, Flow, Load, Risks, Time};
use crate::accounts;
use crate::applications::ApplicationState;
use crate::auth::AccountId;
use crate::db::{Conn, Moment, dialect, sql};
use crate::error::Result;
use crate::journey::ExitReason;
use crate::network::Pillar;
use crate::projects::{RISK, State};

/// Whose figures: of a cohort or of all, in some regions or in all.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub cohort: Option<Uuid>,
    pub regions: Option<Vec<String>>,
}

impl Scope {
    /// The scope as a condition on a table's columns. Its values are an id of ours and region codes of ours, never a
    /// text from outside; anything else becomes a condition that nothing meets.
    fn condition(&self, conn: &Conn, cohort: &str, region: &str) -> String {
        let mut parts = vec!["1 = 1".to_owned()];
        if let Some(id) = self.cohort {
            parts.push(cohort.replace("{}", &literal(conn, id)));
        }
        if let Some(regions) = &self.regions {
            let plain =
                |code: &&String| code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let codes: Vec<String> = regions
                .iter()
                .filter(plain)
                .map(|code| format!("'{code}'"))
                .collect();
            let list = if codes.is_empty() {
                "NULL".to_owned()
            } else {
                codes.join(", ")
            };
            // SQLite takes any index for as good as another, and a region has a thousand times the rows of a cohort.
            // The sign keeps it from the region's.
            let sign = match (conn, self.cohort) {
                (Conn::Sqlite(_), Some(_)) => "+",
                _ => "",
            };
            parts.push(format!("{sign}{region} IN ({list})"));
        }
        parts.join(" AND ")
    }

    fn projects(&self, conn: &Conn) -> String {
        self.condition(conn, "projects.cohort_id = {}", "projects.region")
    }

    fn stays(&self, conn: &Conn) -> String {
        self.condition(conn, "stays.cohort_id = {}", "stays.region")
    }

    fn applications(&self, conn: &Conn) -> String {
        let of_cohort =
            "applications.call_id IN (SELECT calls.id FROM calls WHERE calls.cohort_id = {})";
        self.condition(conn, of_cohort, "applications.region")
    }
}

fn literal(conn: &Conn, id: Uuid) -> String {
    match conn {
        Conn::Sqlite(_) => format!("X'{}'", id.simple()),
        Conn::Pg(_) => format!("'{id}'::uuid"),
    }
}

fn at(conn: &Conn, moment: Moment) -> String {
    match conn {
        Conn::Sqlite(_) => moment.utc().timestamp_micros().to_string(),
        Conn::Pg(_) => format!("'{moment}'::timestamptz"),
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    pillar: Option<String>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// All figures of a scope.
pub fn figures(conn: &mut Conn, scope: &Scope, now: Moment, quiet_days: i64) -> Result<Figures> {
    let projects = counted(conn, "projects", &scope.projects(conn))?;
    let applications = counted(conn, "applications", &scope.applications(conn))?;
    Ok(Figures {
        states: by_state::<State>(&projects),
        funnel: funnel(conn, scope, &projects)?,
        times: times(conn, scope, now)?,
        risks: risks(conn, scope, now, quiet_days)?,
        load: load(conn, scope)?,
        applications: by_state::<ApplicationState>(&applications),
        days_to_decision: days_to_decision(conn, scope)?,
        exits: exits(conn, scope)?,
        days_to_stop: days_to_stop(conn, scope)?,
    })
}

/// The rows of a table by state and pillar.
fn counted(conn: &mut Conn, table: &str, condition: &str) -> Result<Vec<Counted>> {
    let query = format!(
        "SELECT {table}.state AS state, {table}.pillar AS pillar, count(*) AS count
        FROM {table} WHERE {condition} GROUP BY {table}.state, {table}.pillar"
    );
    Ok(diesel::sql_query(query).load(conn)?)
}

fn by_state<S: FromStr + Ord>(rows: &[Counted]) -> BTreeMap<S, i64> {
    let mut states = BTreeMap::new();
    for row in rows {
        if let Ok(state) = row.state.parse() {
            *states.entry(state).or_default() += row.count;
        }
    }
    states
}

#[derive(QueryableByName)]
struct FlowRow {
    #[diesel(sql_type = Text)]
    pillar: String,
    #[diesel(sql_type = BigInt)]
    entered: i64,
    #[diesel(sql_type = BigInt)]
    left_forward: i64,
    #[diesel(sql_type = BigInt)]
    stopped: i64,
}

fn funnel(conn: &mut Conn, scope: &Scope, projects: &[Counted]) -> Result<BTreeMap<Pillar, Flow>> {
    let rows: Vec<FlowRow> = diesel::sql_query(format!(
        "SELECT stays.pillar AS pillar, count(DISTINCT stays.project_id) AS entered,
            count(DISTINCT CASE WHEN stays.left_by IN ('advance', 'graduate') THEN stays.project_id END) AS left_forward,
            count(DISTINCT CASE WHEN stays.left_by = 'exit' THEN stays.project_id END) AS stopped
        FROM stays WHERE {} GROUP BY stays.pillar",
        scope.stays(conn)
    ))
    .load(conn)?;
    let mut funnel: BTreeMap<Pillar, Flow> = BTreeMap::new();
    for row in rows {
        if let Ok(pillar) = row.pillar.parse() {
            let flow = Flow {
                entered: row.entered,
                left_forward: row.left_forward,
                stopped: row.stopped,
                ..Flow::default()
            };
            funnel.insert(pillar, flow);
        }
    }
    for row in projects {
        let Some(pillar) = row.pillar.as_ref().and_then(|word| word.parse().ok()) else {
            continue;
        };
        match row.state.parse() {
            Ok(State::Active) => funnel.entry(pillar).or_default().now = row.count,
            Ok(State::OnHold) => funnel.entry(pillar).or_default().on_hold = row.count,
            _ => {}
        }
    }
    Ok(funnel)
}

#[derive(QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = Text)]
    pillar: String,
    #[diesel(sql_type = BigInt)]
    projects: i64,
    #[diesel(sql_type = Double)]
    median: f64,
    #[diesel(sql_type = Double)]
    p90: f64,
    #[diesel(sql_type = Integer)]
    target: i32,
}

/// A percentile of `value`, numbered `n` of `c` in order: linear between the two ranks around `1 + (c - 1) · q`.
fn percentile(value: &str, q: &str) -> String {
    let distance = format!("abs(n - (1 + (c - 1) * {q}))");
    format!("sum(CASE WHEN {distance} < 1 THEN {value} * (1 - {distance}) ELSE 0 END)")
}

fn times(conn: &mut Conn, scope: &Scope, now: Moment) -> Result<BTreeMap<Pillar, Time>> {
    let until = format!(
        "coalesce(stays.left_at, stays.held_since, {})",
        at(conn, now)
    );
    let seconds = dialect::seconds_between(conn, "stays.entered_at", &until);
    let rows: Vec<TimeRow> = diesel::sql_query(format!(
        "WITH spent AS (
            SELECT stays.pillar, sum({seconds} - stays.held_seconds) / 86400.0 AS days, max(stays.target_days) AS target
            FROM stays WHERE {} GROUP BY stays.pillar, stays.project_id
        ), ranked AS (
            SELECT pillar, cast(days AS double precision) AS days, target,
                row_number() OVER (PARTITION BY pillar ORDER BY days) AS n, count(*) OVER (PARTITION BY pillar) AS c
            FROM spent
        )
        SELECT pillar, max(c) AS projects, max(target) AS target,
            cast({} AS double precision) AS median, cast({} AS double precision) AS p90
        FROM ranked GROUP BY pillar",
        scope.stays(conn),
        percentile("days", "0.5"),
        percentile("days", "0.9"),
    ))
    .load(conn)?;
    let time = |row: TimeRow| {
        let target_days = (row.target > 0).then_some(row.target);
        Some((
            row.pillar.parse().ok()?,
            Time {
                projects: row.projects,
                median: row.median,
                p90: row.p90,
                target_days,
            },
        ))
    };
    Ok(rows.into_iter().filter_map(time).collect())
}

#[derive(QueryableByName)]
struct RiskRow {
    #[diesel(sql_type = BigInt)]
    projects: i64,
    #[diesel(sql_type = BigInt)]
    no_update: i64,
    #[diesel(sql_type = BigInt)]
    milestone_overdue: i64,
    #[diesel(sql_type = BigInt)]
    past_target: i64,
    #[diesel(sql_type = BigInt)]
    confidence_red: i64,
}

fn risks(conn: &mut Conn, scope: &Scope, now: Moment, quiet_days: i64) -> Result<Risks> {
    let quiet = at(conn, now.minus(Duration::days(quiet_days)));
    let today = format!("'{}'", now.day());
    let moment = at(conn, now);
    let any = format!(
        "{}{quiet}{}{today}{}{moment}{}",
        RISK[0], RISK[1], RISK[2], RISK[3]
    );
    let row: RiskRow = diesel::sql_query(format!(
        "SELECT count(CASE WHEN {any} THEN 1 END) AS projects,
            count(CASE WHEN projects.quiet_since < {quiet} THEN 1 END) AS no_update,
            count(CASE WHEN projects.next_due_on < {today} THEN 1 END) AS milestone_overdue,
            count(CASE WHEN projects.target_at < {moment} THEN 1 END) AS past_target,
            count(CASE WHEN projects.last_confidence = 'red' THEN 1 END) AS confidence_red
        FROM projects WHERE projects.state = 'active' AND {}",
        scope.projects(conn)
    ))
    .get_result(conn)?;
    let RiskRow {
        projects,
        no_update,
        milestone_overdue,
        past_target,
        confidence_red,
    } = row;
    Ok(Risks {
        projects,
        no_update,
        milestone_overdue,
        past_target,
        confidence_red,
    })
}

#[derive(QueryableByName)]
struct LoadRow {
    #[diesel(sql_type = sql::Uid)]
    account_id: AccountId,
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    booked: i64,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    budget: Option<i64>,
}

fn load(conn: &mut Conn, scope: &Scope) -> Result<Vec<Load>> {
    let scope = scope.projects(conn);
    let rows: Vec<LoadRow> = diesel::sql_query(format!(
        "WITH parts AS (
            SELECT assignments.account_id AS account_id, 1 AS open, assignments.hours_budget AS budget, 0 AS booked, 0 AS held
            FROM assignments JOIN projects ON projects.id = assignments.project_id
            WHERE assignments.ended_at IS NULL AND assignments.role = 'coach' AND {scope}
            UNION ALL
            SELECT coaching_sessions.coach_id, 0, NULL, coaching_sessions.planned_minutes,
                CASE WHEN coaching_sessions.state = 'held' THEN coaching_sessions.held_minutes ELSE 0 END
            FROM coaching_sessions JOIN projects ON projects.id = coaching_sessions.project_id
            WHERE coaching_sessions.state <> 'cancelled' AND {scope}
        )
        SELECT account_id, sum(open) AS open, sum(budget) AS budget, sum(booked) AS booked, sum(held) AS held
        FROM parts GROUP BY account_id ORDER BY open DESC, account_id"
    ))
    .load(conn)?;
    let ids: Vec<AccountId> = rows.iter().map(|row| row.account_id).collect();
    let names: BTreeMap<AccountId, String> = accounts::named(conn, &ids)?.into_iter().collect();
    let load = |row: LoadRow| Load {
        name: names.get(&row.account_id).cloned().unwrap_or_default(),
        account_id: row.account_id.0,
        open_assignments: row.open,
        minutes_booked: row.booked,
        minutes_held: row.held,
        hours_budget: row.budget,
    };
    Ok(rows.into_iter().map(load).collect())
}

#[derive(QueryableByName)]
struct Median {
    #[diesel(sql_type = Nullable<Double>)]
    days: Option<f64>,
}

/// The median of a column `days` of a query.
fn median(conn: &mut Conn, days: &str) -> Result<Option<f64>> {
    let row: Median = diesel::sql_query(format!(
        "WITH spent AS ({days}), ranked AS (
            SELECT cast(days AS double precision) AS days, row_number() OVER (ORDER BY days) AS n, count(*) OVER () AS c FROM spent
        )
        SELECT cast({} AS double precision) AS days FROM ranked",
        percentile("days", "0.5")
    ))
    .get_result(conn)?;
    Ok(row.days)
}

/// Days from the submission to the decision, without the time that an application lay with its founders again.
fn days_to_decision(conn: &mut Conn, scope: &Scope) -> Result<Option<f64>> {
    let whole =
        dialect::seconds_between(conn, "applications.submitted_at", "applications.decided_at");
    let away = dialect::seconds_between(conn, "back.returned_at", "back.closed_at");
    let query = format!(
        "SELECT ({whole} - coalesce((
            SELECT sum({away}) FROM application_returns back
            WHERE back.application_id = applications.id AND back.closed_at IS NOT NULL
        ), 0)) / 86400.0 AS days FROM applications
        WHERE applications.submitted_at IS NOT NULL AND applications.decided_at IS NOT NULL AND {}",
        scope.applications(conn)
    );
    median(conn, &query)
}

#[derive(QueryableByName)]
struct ExitRow {
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    pillar: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn exits(conn: &mut Conn, scope: &Scope) -> Result<Vec<(ExitReason, Pillar, i64)>> {
    let condition = scope.condition(conn, "transitions.cohort_id = {}", "projects.region");
    let rows: Vec<ExitRow> = diesel::sql_query(format!(
        "SELECT transitions.reason_code AS reason, transitions.from_pillar AS pillar, count(DISTINCT transitions.project_id) AS count
        FROM transitions JOIN projects ON projects.id = transitions.project_id
        WHERE transitions.kind = 'exit' AND {condition}
        GROUP BY transitions.reason_code, transitions.from_pillar ORDER BY transitions.reason_code, transitions.from_pillar"
    ))
    .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some((
                row.reason.parse().ok()?,
                row.pillar.parse().ok()?,
                row.count,
            ))
        })
        .collect())
}

/// Days from a project's first entry to its stop.
fn days_to_stop(conn: &mut Conn, scope: &Scope) -> Result<Option<f64>> {
    let began =
        "(SELECT min(first.entered_at) FROM stays first WHERE first.project_id = stays.project_id)";
    let seconds = dialect::seconds_between(conn, began, "stays.left_at");
    let query = format!(
        "SELECT {seconds} / 86400.0 AS days FROM stays WHERE stays.left_by = 'exit' AND {}",
        scope.stays(conn)
    );
    median(conn, &query)
}
