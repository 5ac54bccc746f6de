//! Figures: every one worked out again from the lists and the histories, and what partners may not see of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use colonnade::auth::{Grant, Role, Scope};
use colonnade::clock::Clock;
use colonnade::lang::Lang;
use serde_json::{Value, json};

use crate::support::{Client, World};

const PILLARS: [&str; 4] = ["create_learn", "test", "grow", "scale"];
const STATES: [&str; 4] = ["active", "on_hold", "exited", "graduated"];

/// People, a call and its cohort.
struct Cohort {
    admin: Client,
    founder: Client,
    call: String,
    id: String,
}

impl Cohort {
    async fn open(world: &World) -> Self {
        let (call, id) = world.open_call(50, &[]).await;
        let (admin, founder) = (world.admin().await, world.founder("Ada").await);
        Self {
            admin,
            founder,
            call,
            id,
        }
    }

    async fn decide(&self, world: &World, project: &str, hours: i64, outcome: Value) {
        let application = world.submitted(&self.founder, project, &self.call).await;
        world.pass(Duration::hours(hours));
        let path = format!("/v1/applications/{application}/decision");
        self.admin.post_seen(&path, outcome).await.expect(200);
    }

    async fn admit(&self, world: &World, title: &str, postal_code: &str, pillar: &str) -> String {
        let project = world.project_at(&self.founder, title, postal_code).await;
        let accept = json!({ "outcome": "accept", "cohort_id": self.id, "pillar": pillar });
        self.decide(world, &project, 6, accept).await;
        project
    }

    async fn step(&self, project: &str, body: Value) {
        let path = format!("/v1/projects/{project}/transitions");
        self.admin.post_seen(&path, body).await.expect(201);
    }

    /// Advances or graduates, whatever is open.
    async fn forward(&self, project: &str, kind: &str) {
        let shown = self
            .admin
            .get(&format!("/v1/projects/{project}"))
            .await
            .expect(200);
        let pillar = shown.text_at("/pillar");
        let waivers: Vec<Value> = ["milestones_done", "coach_updates"]
            .iter()
            .map(|one| json!({ "requirement": format!("{pillar}.{one}"), "reason": "seen" }))
            .collect();
        self.step(project, json!({ "kind": kind, "waivers": waivers }))
            .await;
    }

    async fn exit(&self, project: &str, reason: &str) {
        self.step(
            project,
            json!({ "kind": "exit", "reason_code": reason, "lesson": "Ask first." }),
        )
        .await;
    }

    async fn report(&self, project: &str, confidence: &str) {
        let path = format!("/v1/projects/{project}/updates");
        let body = json!({ "note": "So far.", "confidence": confidence });
        self.admin.post(&path, body).await.expect(201);
    }
}

/// Six projects that went six ways, and four applications that did not get in.
async fn six_ways(world: &World, cohort: &Cohort) {
    let waiting = |kind: &str| json!({ "kind": kind, "reason": "waiting" });
    let stays = cohort.admit(world, "Stays", "1000", "create_learn").await;
    let held = cohort.admit(world, "Held", "1000", "create_learn").await;
    let exits = cohort.admit(world, "Exits", "1000", "create_learn").await;
    let moves = cohort.admit(world, "Moves", "2000", "create_learn").await;
    let ends = cohort.admit(world, "Ends", "2000", "create_learn").await;
    let turns = cohort.admit(world, "Turns", "4000", "test").await;
    let bea = world.coach("Bea").await;
    for project in [&stays, &moves, &ends] {
        let assign = json!({ "account_id": bea.id, "role": "coach", "kind": "lead" });
        let path = format!("/v1/projects/{project}/assignments");
        cohort.admin.post(&path, assign).await.expect(201);
    }
    world.pass(Duration::hours(101));
    cohort.step(&held, waiting("hold")).await;
    cohort.step(&moves, waiting("hold")).await;
    world.pass(Duration::hours(77));
    cohort.step(&moves, waiting("resume")).await;
    cohort.exit(&exits, "market").await;
    world.pass(Duration::hours(31));
    cohort.forward(&moves, "advance").await;
    for kind in ["advance", "advance", "advance", "graduate"] {
        cohort.forward(&ends, kind).await;
        world.pass(Duration::hours(53));
    }
    cohort
        .step(&turns, json!({ "kind": "return", "reason": "pivot" }))
        .await;
    world.pass(Duration::hours(29));
    cohort.forward(&turns, "advance").await;
    cohort.report(&stays, "red").await;
    world.pass(Duration::hours(50));
    cohort.exit(&turns, "team").await;
    for (title, outcome, hours) in [("Waits", "waitlist", 11), ("Sinks", "decline", 17)] {
        let project = world.project_at(&cohort.founder, title, "1000").await;
        let body = json!({ "outcome": outcome, "feedback": "Thank you." });
        cohort.decide(world, &project, hours, body).await;
    }
    let undecided = world.project(&cohort.founder, "Undecided").await;
    world
        .submitted(&cohort.founder, &undecided, &cohort.call)
        .await;
    let draft = world.project_at(&cohort.founder, "Draft", "9000").await;
    let body = json!({ "project_id": draft, "call_id": cohort.call, "answers": {} });
    cohort
        .founder
        .post("/v1/applications", body)
        .await
        .expect(201);
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn time(row: &Value, name: &str) -> Option<DateTime<Utc>> {
    row[name].as_str().map(|at| at.parse().expect("a time"))
}

fn days(span: Duration) -> f64 {
    span.as_seconds_f64() / 86_400.0
}

/// Linear between the closest ranks.
fn percentile(values: &[f64], q: f64) -> Value {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return Value::Null;
    };
    let mut rank = 0;
    let place = f64::from(u32::try_from(last).expect("few")) * q;
    while f64::from(u32::try_from(rank).expect("few")) + 1.0 <= place {
        rank += 1;
    }
    let over = place - f64::from(u32::try_from(rank).expect("few"));
    let next = values[(rank + 1).min(last)];
    json!(values[rank] + (next - values[rank]) * over)
}

/// One project with everything that happened to it.
struct Story {
    project: Value,
    stays: Vec<Value>,
    steps: Vec<Value>,
    coaches: Vec<String>,
}

impl Story {
    async fn read(admin: &Client, project: Value) -> Self {
        let path = format!("/v1/projects/{}", text(&project, "id"));
        let assignments = admin.list(&format!("{path}/assignments")).await;
        let open = |row: &&Value| row["ended_at"].is_null() && row["role"] == "coach";
        Self {
            stays: admin.list(&format!("{path}/stays")).await,
            steps: admin.list(&format!("{path}/transitions")).await,
            coaches: assignments
                .iter()
                .filter(open)
                .map(|row| text(row, "account_id").to_owned())
                .collect(),
            project,
        }
    }

    fn is(&self, state: &str, pillar: &str) -> bool {
        self.project["state"] == state && self.project["pillar"] == pillar
    }

    fn took(&self, kind: &str, from: &str) -> bool {
        self.steps
            .iter()
            .any(|step| step["kind"] == kind && step["from_pillar"] == from)
    }

    /// The time in a pillar, worked out from the steps: everything between entering and leaving, holds left out.
    fn days_in(&self, pillar: &str, now: DateTime<Utc>) -> Option<f64> {
        let (mut total, mut since, mut ever) = (Duration::zero(), None, false);
        for step in &self.steps {
            let at = time(step, "at").expect("a time");
            if let Some(from) = since.take() {
                total += at - from;
            }
            let here = step["to_pillar"] == pillar && step["to_state"] == "active";
            ever |= step["to_pillar"] == pillar;
            since = here.then_some(at);
        }
        if let Some(from) = since {
            total += now - from;
        }
        ever.then(|| days(total))
    }

    fn days_to_stop(&self) -> Option<f64> {
        let stop = self.steps.iter().rfind(|step| step["kind"] == "exit")?;
        let start = self
            .stays
            .iter()
            .filter_map(|stay| time(stay, "entered_at"))
            .min()?;
        Some(days(time(stop, "at")? - start))
    }
}

fn count<'a, T: 'a>(rows: impl IntoIterator<Item = &'a T>, holds: impl Fn(&T) -> bool) -> usize {
    rows.into_iter().filter(|row| holds(row)).count()
}

fn funnel(stories: &[Story]) -> Vec<Value> {
    let row = |pillar: &&str| {
        let entered = count(stories, |one| {
            one.stays.iter().any(|stay| stay["pillar"] == **pillar)
        });
        let forward = count(stories, |one| {
            one.took("advance", pillar) || one.took("graduate", pillar)
        });
        let conversion = match entered {
            0 => Value::Null,
            _ => json!(
                f64::from(u32::try_from(forward).expect("few"))
                    / f64::from(u32::try_from(entered).expect("few"))
            ),
        };
        json!({
            "pillar": pillar, "entered": entered, "left_forward": forward, "conversion": conversion,
            "now": count(stories, |one| one.is("active", pillar)),
            "on_hold": count(stories, |one| one.is("on_hold", pillar)),
            "stopped": count(stories, |one| one.took("exit", pillar)), "suppressed": false,
        })
    };
    PILLARS.iter().map(row).collect()
}

fn times(stories: &[Story], now: DateTime<Utc>) -> Vec<Value> {
    let row = |pillar: &&str| {
        let spent: Vec<f64> = stories
            .iter()
            .filter_map(|one| one.days_in(pillar, now))
            .collect();
        let of_pillar = stories
            .iter()
            .flat_map(|one| &one.stays)
            .find(|stay| stay["pillar"] == **pillar);
        json!({
            "pillar": pillar, "projects": spent.len(), "median_days": percentile(&spent, 0.5),
            "p90_days": percentile(&spent, 0.9), "suppressed": false,
            "target_days": of_pillar.map_or(Value::Null, |stay| stay["target_days"].clone()),
        })
    };
    PILLARS.iter().map(row).collect()
}

fn risks(stories: &[Story]) -> Value {
    let because = |word: &str| {
        count(stories, |one| {
            one.project["risks"]
                .as_array()
                .is_some_and(|all| all.iter().any(|risk| risk == word))
        })
    };
    json!({
        "projects": count(stories, |one| one.project["at_risk"] == true), "no_update": because("no-update"),
        "milestone_overdue": because("milestone-overdue"), "past_target": because("past-target"),
        "confidence_red": because("confidence-red"), "suppressed": false,
    })
}

fn selection(applications: &[Value]) -> Value {
    let states = [
        "draft",
        "submitted",
        "screening",
        "in_review",
        "returned",
        "accepted",
        "waitlisted",
        "declined",
        "withdrawn",
    ];
    let of = |state: &str| count(applications, |one| one["state"] == state);
    let by_state: BTreeMap<&str, usize> = states.iter().map(|state| (*state, of(state))).collect();
    let decided = of("accepted") + of("waitlisted") + of("declined");
    let waited: Vec<f64> = applications
        .iter()
        .filter_map(|one| Some(days(time(one, "decided_at")? - time(one, "submitted_at")?)))
        .collect();
    let rate = match decided {
        0 => Value::Null,
        _ => json!(
            f64::from(u32::try_from(of("accepted")).expect("few"))
                / f64::from(u32::try_from(decided).expect("few"))
        ),
    };
    json!({
        "applications": applications.len(), "by_state": by_state, "acceptance_rate": rate,
        "median_days_to_decision": percentile(&waited, 0.5), "suppressed": false,
    })
}

fn outcome(stories: &[Story]) -> Value {
    let mut exits: BTreeMap<(String, String), usize> = BTreeMap::new();
    for step in stories
        .iter()
        .flat_map(|one| &one.steps)
        .filter(|step| step["kind"] == "exit")
    {
        let key = (
            text(step, "reason_code").to_owned(),
            text(step, "from_pillar").to_owned(),
        );
        *exits.entry(key).or_default() += 1;
    }
    let rows: Vec<Value> = exits
        .iter()
        .map(|((reason, pillar), count)| json!({ "reason_code": reason, "pillar": pillar, "projects": count }))
        .collect();
    let stops: Vec<f64> = stories.iter().filter_map(Story::days_to_stop).collect();
    json!({
        "graduated": count(stories, |one| one.project["state"] == "graduated"), "exited": stops.len(), "exits": rows,
        "median_days_to_stop": percentile(&stops, 0.5), "suppressed": false,
    })
}

/// The whole dashboard, from the lists with this filter and the histories.
async fn oracle(world: &World, admin: &Client, projects: &str, applications: &str) -> Value {
    let mut stories = Vec::new();
    for project in admin
        .list(&format!("/v1/projects?sort=created_at{projects}"))
        .await
    {
        stories.push(Story::read(admin, project).await);
    }
    let now = world.clock.now().utc();
    let mut load: BTreeMap<&String, usize> = BTreeMap::new();
    stories
        .iter()
        .flat_map(|one| &one.coaches)
        .for_each(|coach| *load.entry(coach).or_default() += 1);
    let load: Vec<Value> = load
        .iter()
        .map(|(coach, open)| json!({ "account_id": coach, "open_assignments": open, "hours_booked": 0, "hours_budget": null }))
        .collect();
    let mut projects: BTreeMap<&str, Value> = STATES
        .iter()
        .map(|state| {
            (
                *state,
                json!(count(&stories, |one| one.project["state"] == *state)),
            )
        })
        .collect();
    projects.insert("total", json!(stories.len()));
    json!({
        "on": now.date_naive().to_string(), "suppressed": false, "projects": projects,
        "funnel": funnel(&stories), "time_in_pillar": times(&stories, now), "at_risk": risks(&stories),
        "coach_load": load, "outcome": outcome(&stories),
        "selection": selection(&admin.list(&format!("/v1/applications?sort=created_at{applications}")).await),
    })
}

/// Compares everything that is expected; days are shown to a tenth, shares to four digits.
fn same(shown: &Value, expected: &Value, at: &str) {
    match (shown, expected) {
        (Value::Object(_), Value::Object(fields)) => {
            fields
                .iter()
                .for_each(|(name, value)| same(&shown[name], value, &format!("{at}/{name}")));
        }
        (Value::Array(items), Value::Array(wanted)) => {
            assert_eq!(items.len(), wanted.len(), "{at}: {shown} is not {expected}");
            (0..items.len()).for_each(|n| same(&items[n], &wanted[n], &format!("{at}/{n}")));
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (
                one.as_f64().expect("a number"),
                other.as_f64().expect("a number"),
            );
            let close = if at.ends_with("_days") || at.contains("_days_") {
                0.0501
            } else {
                0.000_051
            };
            assert!((one - other).abs() < close, "{at}: {one} is not {other}");
        }
        _ => assert_eq!(shown, expected, "{at}"),
    }
}

#[actix_web::test]
async fn every_figure_is_what_the_histories_say() {
    let world = World::new().await;
    let cohort = Cohort::open(&world).await;
    let admin = cohort.admin.clone();
    let path = format!("/v1/cohorts/{}/dashboard", cohort.id);
    let filters = (
        format!("&cohort_id={}", cohort.id),
        format!("&call_id={}", cohort.call),
    );
    let empty = admin.get(&path).await.expect(200).json();
    same(
        &empty,
        &oracle(&world, &admin, &filters.0, &filters.1).await,
        "",
    );
    six_ways(&world, &cohort).await;
    for wait in [0, 1, 22, 40] {
        world.pass(Duration::days(wait));
        let expected = oracle(&world, &admin, &filters.0, &filters.1).await;
        let shown = admin.get(&path).await.expect(200).json();
        same(&shown, &expected, "");
        assert_eq!(
            (&shown["cohort_id"], &shown["regions"]),
            (&json!(cohort.id), &Value::Null)
        );
    }
    let shown = admin.get(&path).await.expect(200);
    let (totals, funnel) = (
        shown.json()["projects"].clone(),
        shown.json()["funnel"].clone(),
    );
    assert_eq!(
        totals,
        json!({ "total": 6, "active": 2, "on_hold": 1, "exited": 2, "graduated": 1, "suppressed": false })
    );
    assert_eq!(funnel[0]["entered"], 6);
    let known = admin
        .ask(reqwest::Method::GET, &path)
        .header("If-None-Match", &shown.header("etag"));
    known.send().await.expect(304);
}

#[actix_web::test]
async fn regions_and_the_network_have_figures_too() {
    let world = World::new().await;
    let cohort = Cohort::open(&world).await;
    six_ways(&world, &cohort).await;
    world.pass(Duration::days(22));
    for region in ["BE1", "BE2", "BE3"] {
        let path = format!("/v1/regions/{region}/dashboard");
        let shown = cohort.admin.get(&path).await.expect(200).json();
        let filter = format!("&region={region}");
        same(
            &shown,
            &oracle(&world, &cohort.admin, &filter, &filter).await,
            region,
        );
        let coordinator = world.coordinator(&format!("Carl{region}"), region).await;
        assert_eq!(coordinator.get(&path).await.expect(200).json(), shown);
        let of_cohort = format!("/v1/cohorts/{}/dashboard", cohort.id);
        let part = coordinator.get(&of_cohort).await.expect(200).json();
        let (mine, calls) = (
            format!("{filter}&cohort_id={}", cohort.id),
            format!("{filter}&call_id={}", cohort.call),
        );
        same(
            &part,
            &oracle(&world, &cohort.admin, &mine, &calls).await,
            region,
        );
        assert_eq!(part["regions"], json!([region]));
        coordinator
            .get("/v1/dashboard")
            .await
            .refused(404, "not-found");
    }
    let shown = cohort.admin.get("/v1/dashboard").await.expect(200).json();
    same(
        &shown,
        &oracle(&world, &cohort.admin, "", "").await,
        "network",
    );
    cohort
        .founder
        .get("/v1/dashboard")
        .await
        .refused(403, "not-allowed");
}

/// Counts that add up: the first is the sum of the others.
fn sums(shown: &Value) -> Vec<Vec<Value>> {
    let projects = |name: &str| shown["projects"][name].clone();
    let of_pillars = |name: &str| {
        shown["funnel"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row[name].clone())
            .collect::<Vec<_>>()
    };
    let with = |total: Value, parts: Vec<Value>| [vec![total], parts].concat();
    let selection = &shown["selection"];
    let by_state = selection["by_state"]
        .as_object()
        .expect("states")
        .values()
        .cloned()
        .collect();
    let mut all = vec![
        with(
            projects("total"),
            STATES.iter().map(|state| projects(state)).collect(),
        ),
        with(projects("active"), of_pillars("now")),
        with(projects("on_hold"), of_pillars("on_hold")),
        with(projects("exited"), of_pillars("stopped")),
        with(selection["applications"].clone(), by_state),
    ];
    // Nobody is sent back here, so whoever entered is still there, went on, or stopped.
    for row in shown["funnel"].as_array().expect("rows") {
        let parts = ["now", "on_hold", "left_forward", "stopped"].map(|name| row[name].clone());
        all.push(with(row["entered"].clone(), parts.to_vec()));
    }
    all
}

/// Every count under its path.
fn counts(value: &Value, at: String, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, field)| counts(field, format!("{at}/{name}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, item)| counts(item, format!("{at}/{n}"), found)),
        _ => drop(found.insert(at, value.clone())),
    }
}

const NO_COUNTS: [&str; 8] = [
    "/conversion",
    "/acceptance_rate",
    "_days",
    "_days_to_stop",
    "_days_to_decision",
    "/suppressed",
    "/on",
    "/pillar",
];

/// A partner's view against the admin's: nothing small is shown, nothing that is shown is wrong, and no sum has
/// exactly one count hidden.
fn hides_enough(whole: &Value, shown: &Value, about: &str) {
    let (mut all, mut some) = (BTreeMap::new(), BTreeMap::new());
    counts(whole, String::new(), &mut all);
    counts(shown, String::new(), &mut some);
    let mut hidden = 0;
    for (path, count) in &all {
        if NO_COUNTS.iter().any(|end| path.ends_with(end))
            || path.starts_with("/coach_load")
            || path.contains("/exits/")
        {
            continue;
        }
        let Some(number) = count.as_i64() else {
            continue;
        };
        let seen = &some[path];
        assert!(
            !(1..=4).contains(&number) || seen.is_null(),
            "{about}: {path} shows {number}"
        );
        assert!(
            seen.is_null() || seen == count,
            "{about}: {path} shows {seen}, not {count}"
        );
        let part = path
            .rsplit_once('/')
            .map_or("", |(part, _)| part)
            .trim_end_matches("/by_state");
        if seen.is_null() {
            hidden += 1;
            assert_eq!(some[&format!("{part}/suppressed")], true, "{about}: {path}");
        }
    }
    assert_eq!(shown["suppressed"], hidden > 0, "{about}");
    assert_eq!(shown["coach_load"], json!([]), "{about}");
    for sum in sums(shown) {
        let out = sum.iter().filter(|count| count.is_null()).count();
        assert_ne!(out, 1, "{about}: {sum:?}");
    }
}

async fn partner(world: &World, name: &str, scope: Scope) -> Client {
    world
        .person(
            name,
            Lang::En,
            vec![Grant {
                role: Role::Partner,
                scope,
            }],
        )
        .await
}

#[actix_web::test]
async fn partners_see_no_small_counts() {
    let world = World::new().await;
    let cohort = Cohort::open(&world).await;
    let id = cohort.id.parse().expect("an id");
    let of_cohort = partner(&world, "Pia", Scope::Cohort { id }).await;
    let of_region = partner(
        &world,
        "Pit",
        Scope::Region {
            region: "BE1".into(),
        },
    )
    .await;
    let of_another = partner(
        &world,
        "Pam",
        Scope::Region {
            region: "BE2".into(),
        },
    )
    .await;
    let (cohorts, regions) = (
        format!("/v1/cohorts/{}/dashboard", cohort.id),
        "/v1/regions/BE1/dashboard",
    );
    let mut projects = Vec::new();
    for number in 0..24 {
        match number {
            0..14 => projects.push(
                cohort
                    .admit(&world, &format!("P{number}"), "1000", "create_learn")
                    .await,
            ),
            14..20 => cohort.forward(&projects[number - 14], "advance").await,
            20 => cohort.exit(&projects[13], "market").await,
            21 => cohort.exit(&projects[0], "team").await,
            22 => {
                cohort
                    .step(&projects[12], json!({ "kind": "hold", "reason": "r" }))
                    .await;
            }
            _ => cohort.report(&projects[6], "red").await,
        }
        for (path, client) in [(cohorts.as_str(), &of_cohort), (regions, &of_region)] {
            let whole = cohort.admin.get(path).await.expect(200).json();
            let shown = client.get(path).await.expect(200).json();
            hides_enough(&whole, &shown, &format!("{path} after {number}"));
        }
    }
    let shown = of_cohort.get(&cohorts).await.expect(200);
    assert_eq!(
        (
            shown.text_at("/suppressed"),
            shown.text_at("/funnel/0/entered")
        ),
        ("true".into(), "14".into())
    );
    for hidden in ["/v1/dashboard", "/v1/regions/BE2/dashboard"] {
        of_region.get(hidden).await.refused(404, "not-found");
    }
    of_another.get(regions).await.refused(404, "not-found");
    of_cohort.get(regions).await.refused(404, "not-found");
    let network = partner(&world, "Pol", Scope::Network)
        .await
        .get("/v1/dashboard")
        .await
        .expect(200);
    hides_enough(
        &cohort.admin.get("/v1/dashboard").await.json(),
        &network.json(),
        "network",
    );
}

#[actix_web::test]
async fn the_list_of_projects_at_risk_is_the_one_of_the_flags() {
    let world = World::new().await;
    let cohort = Cohort::open(&world).await;
    six_ways(&world, &cohort).await;
    for wait in [0, 10, 22, 60] {
        world.pass(Duration::days(wait));
        if wait == 22 {
            // The call is closed by now; a coordinator may let a project in.
            let fresh = world.project(&cohort.founder, "Fresh").await;
            let enter = json!({ "kind": "enter", "to": "create_learn", "cohort_id": cohort.id, "reason": "late" });
            cohort.step(&fresh, enter).await;
            cohort.report(&fresh, "green").await;
        }
        let all = cohort.admin.list("/v1/projects").await;
        for wanted in [true, false] {
            let mut expected: Vec<&str> = all
                .iter()
                .filter(|row| row["at_risk"] == wanted)
                .map(|row| text(row, "id"))
                .collect();
            expected.sort_unstable();
            let found = cohort
                .admin
                .ids(&format!("/v1/projects?at_risk={wanted}"))
                .await;
            assert_eq!(found, expected, "{wanted} after {wait}");
            assert!(!found.is_empty(), "{wanted} after {wait}");
        }
        for row in &all {
            assert_eq!(row["at_risk"] == true, row["risks"] != json!([]), "{row}");
        }
    }
}
