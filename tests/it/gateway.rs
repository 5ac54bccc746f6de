//! The single gateway: projects that may be one, everything that suits, and the way to another call or region.

use chrono::Duration;
use colonnade::auth::{Grant, Role, Scope};
use colonnade::clock::Clock;
use colonnade::lang::Lang;
use serde_json::{Value, json};

use crate::support::world::new_project;
use crate::support::{Answer, Client, World};

async fn draft(owner: &Client, project: &str, call: &str) -> String {
    let body = json!({ "project_id": project, "call_id": call, "answers": { "need": "falls" } });
    let made = owner.post("/v1/applications", body).await.expect(201);
    made.text_at("/id")
}

/// A project with everything that two may have in common; gives its id.
async fn project(
    owner: &Client,
    title: &str,
    place: &str,
    site: &str,
    number: Option<&str>,
) -> String {
    let mut body = new_project(title);
    body["postal_code"] = place.into();
    body["website"] = site.into();
    body["enterprise_number"] = json!(number);
    owner
        .post("/v1/projects", body)
        .await
        .expect(201)
        .text_at("/id")
}

/// Reference and codes of each duplicate, sorted.
fn alike(found: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut found: Vec<_> = found
        .as_array()
        .expect("duplicates")
        .iter()
        .map(|one| {
            let reasons = one["reasons"].as_array().expect("reasons").iter();
            (
                text(&one["title"]),
                reasons.map(|reason| text(&reason["code"])).collect(),
            )
        })
        .collect();
    found.sort();
    found
}

fn expected(all: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
    all.iter()
        .map(|(title, codes)| ((*title).to_owned(), owned(codes)))
        .collect()
}

#[actix_web::test]
async fn duplicates_are_hinted_to_those_who_see_both() {
    let world = World::new().await;
    let (call, _) = world.open_call(4, &[]).await;
    let (admin, ada, bob) = (
        world.admin().await,
        world.founder("Ada").await,
        world.founder("Bob").await,
    );
    let (carl, cora) = (
        world.coordinator("Carl", "BE1").await,
        world.coordinator("Cora", "BE2").await,
    );
    let number = Some("0428759497");
    let site = "https://www.lamp.example.be/en?x";
    let own = project(&ada, "Sangalux Lampe électrique", "1000", site, number).await;
    project(
        &bob,
        "Nothing alike",
        "2000",
        "https://lamp.example.be:8443",
        number,
    )
    .await;
    project(
        &bob,
        "Lampe Sangalux electrique",
        "1050",
        "https://linkedin.com/in/bob",
        None,
    )
    .await;
    project(
        &bob,
        "Sangalux Lampe for wards and homes",
        "1050",
        "https://shop.lamp.example.be",
        None,
    )
    .await;
    project(&ada, "Bandage", "4000", "https://bandage.example.be", None).await;
    let application = draft(&ada, &own, &call).await;
    let path = format!("/v1/applications/{application}/duplicates");
    let by = async |client: &Client| alike(&client.get(&path).await.expect(200).json()["data"]);
    let same_title: (&str, &[&str]) = ("Lampe Sangalux electrique", &["similar-title"]);
    let own_other: (&str, &[&str]) = ("Bandage", &["same-founder"]);
    let far: (&str, &[&str]) = (
        "Nothing alike",
        &["same-enterprise-number", "same-web-domain"],
    );
    assert_eq!(by(&carl).await, expected(&[same_title]));
    assert_eq!(by(&ada).await, expected(&[own_other]));
    assert_eq!(by(&admin).await, expected(&[own_other, same_title, far]));
    cora.get(&path).await.refused(404, "not-found");
    // In the dry run they are for those who run the project's part of the network.
    let path = format!("/v1/applications/{application}/eligibility");
    let in_run = async |client: &Client| {
        let found = client.post(&path, json!({})).await.expect(200).json();
        alike(&found["duplicates"])
    };
    assert_eq!(in_run(&carl).await, expected(&[same_title]));
    assert_eq!(in_run(&ada).await, expected(&[]));
    // A partner who knows the others by their names learns nothing more of them.
    let everywhere = Grant {
        role: Role::Partner,
        scope: Scope::Network,
    };
    world
        .database
        .execute(if world.database.url.starts_with("sqlite") {
            "UPDATE projects SET shared_with_partners = 1"
        } else {
            "UPDATE projects SET shared_with_partners = true"
        });
    let eve = world.person("Eve", Lang::En, vec![everywhere]).await;
    let theirs = project(&eve, "Sangalux Lampe électrique", "1000", site, number).await;
    let theirs = draft(&eve, &theirs, &call).await;
    let found = eve
        .get(&format!("/v1/applications/{theirs}/duplicates"))
        .await;
    assert_eq!(alike(&found.expect(200).json()["data"]), expected(&[]));
}

#[actix_web::test]
async fn a_host_on_which_many_have_a_page_is_no_hint() {
    let world = World::new().await;
    let (call, _) = world.open_call(4, &[]).await;
    let (admin, ada, bob) = (
        world.admin().await,
        world.founder("Ada").await,
        world.founder("Bob").await,
    );
    let own = project(
        &ada,
        "Lamp",
        "1000",
        "https://www.linkedin.com/in/ada",
        None,
    )
    .await;
    project(&bob, "Lamp", "2000", "https://linkedin.com/in/bob", None).await;
    let application = draft(&ada, &own, &call).await;
    let found = admin
        .get(&format!("/v1/applications/{application}/duplicates"))
        .await;
    let found = alike(&found.expect(200).json()["data"]);
    assert_eq!(found, expected(&[("Lamp", &["similar-title"])]));
}

/// Projects from before hosts were kept get theirs by the migration, the same that they would get today.
#[actix_web::test]
async fn the_migration_finds_the_hosts_that_the_program_does() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for site in [
        "https://www.Example.be/a?b#c",
        "http://example.be:8080",
        "https://example.be?q=1",
        "https://shop.example.be#top",
    ] {
        project(&founder, site, "1000", site, None).await;
    }
    world.project(&founder, "None").await;
    let hosts = || {
        let query = "SELECT coalesce(web_domain, '-') AS t FROM projects ORDER BY title";
        world.database.texts(query)
    };
    let before = hosts();
    world
        .database
        .execute("UPDATE projects SET web_domain = NULL");
    let up = if world.database.url.starts_with("sqlite") {
        include_str!("../../migrations/sqlite/2026-11-22-000019_gateway/up.sql")
    } else {
        include_str!("../../migrations/postgres/2026-11-22-000019_gateway/up.sql")
    };
    for statement in up.split(';').map(str::trim) {
        if statement.starts_with("UPDATE projects") {
            world.database.execute(statement);
        }
    }
    assert_eq!(hosts(), before);
    let count = |host: &str| before.iter().filter(|one| *one == host).count();
    assert_eq!(
        (count("example.be"), count("shop.example.be"), count("-")),
        (3, 1, 1)
    );
}

/// A call of a programme; gives its id.
async fn call_of(world: &World, admin: &Client, programme: &str, slug: &str) -> String {
    let now = world.clock.now();
    let body = json!({
        "slug": slug, "programme": programme, "names": { "en": "A", "nl": "B", "fr": "C", "de": "D" },
        "opens_at": now.minus(Duration::days(1)), "closes_at": now.plus(Duration::days(9)),
    });
    admin
        .post("/v1/calls", body)
        .await
        .expect(201)
        .text_at("/id")
}

fn codes(hints: &Value) -> Vec<String> {
    let all = hints.as_array().expect("hints").iter();
    all.map(|one| one["code"].as_str().expect("a code").to_owned())
        .collect()
}

#[actix_web::test]
async fn every_initiative_is_ranked_with_its_reasons_or_excluded_by_its_rule() {
    let world = World::new().await;
    let (own, _) = world.open_call(4, &[]).await;
    let (full, _) = world.open_call(0, &[]).await;
    let (taken, _) = world.open_call(4, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let regional = call_of(&world, &admin, "belgian-medtech-booster", "booster").await;
    let project = world.project(&founder, "Lamp").await;
    let application = draft(&founder, &project, &own).await;
    draft(&founder, &project, &taken).await;
    let path = format!("/v1/applications/{application}/matches");
    let found = founder.get(&path).await.expect(200).json();
    let (suitable, excluded) = (&found["suitable"], &found["excluded"]);
    let of = |all: &Value, id: &str| {
        let all = all.as_array().expect("a list").clone();
        all.into_iter().find(|one| one["id"] == id)
    };
    let best = &suitable[0];
    assert_eq!(
        (&best["id"], &best["is_own"], &best["score"]),
        (&json!(own), &json!(true), &json!(100))
    );
    let reasons = [
        "sector-fits",
        "region-served",
        "language-spoken",
        "pillar-offered",
        "call-open-until",
    ];
    assert_eq!(codes(&best["reasons"]), reasons);
    let fuller = of(suitable, &full).expect("a full cohort excludes nobody");
    assert_eq!(fuller["score"], 90);
    let far = of(excluded, &regional).expect("it serves other regions");
    assert_eq!(
        (codes(&far["excluded_by"]), &far["score"]),
        (vec!["region-not-served".to_owned()], &Value::Null)
    );
    let applied = of(excluded, &taken).expect("it has applied there");
    assert_eq!(codes(&applied["excluded_by"]), ["already-applied"]);
    let count = |all: &Value, kind: &str| {
        let all = all.as_array().expect("a list").iter();
        all.filter(|one| one["kind"] == kind).count()
    };
    let valid = "valid_to IS NULL OR valid_to > '2026-03-02'";
    let mandates = usize::try_from(world.count(&format!("mandates WHERE {valid}"))).expect("some");
    assert_eq!(
        count(suitable, "mandate") + count(excluded, "mandate"),
        mandates
    );
    for mandate in suitable
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["kind"] == "mandate")
    {
        assert_eq!(
            (&mandate["region"], &mandate["pillar"]),
            (&json!("BE1"), &json!("create_learn"))
        );
        assert!(
            [60, 70].contains(&mandate["score"].as_i64().expect("a score")),
            "{mandate}"
        );
    }
    let scores: Vec<i64> = suitable
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["score"].as_i64().expect("a score"))
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    // The order is always the same, and the texts are the reader's.
    assert_eq!(founder.get(&path).await.expect(200).json(), found);
    let french = founder
        .ask(reqwest::Method::GET, &path)
        .header("Accept-Language", "fr");
    let french = french.send().await.expect(200);
    assert_eq!(
        french.text_at("/suitable/0/reasons/1/text"),
        "L’initiative couvre la région du projet (Région de Bruxelles-Capitale)."
    );
    // A programme without a call is excluded by that.
    world.pass(Duration::days(31));
    let found = founder.get(&path).await.expect(200).json();
    let kinds: Vec<_> = found["excluded"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["kind"] == "programme")
        .map(|one| codes(&one["excluded_by"]))
        .collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|one| one == &["no-open-call"]));
    let own = of(&found["excluded"], &own).expect("its own call is closed");
    assert_eq!(codes(&own["excluded_by"]), ["call-closed"]);
}

struct Sent {
    world: World,
    admin: Client,
    founder: Client,
    carl: Client,
    cora: Client,
    project: String,
    application: String,
    other: String,
}

/// An application that is submitted in Brussels, and another call.
async fn sent() -> Sent {
    let world = World::new().await;
    let (own, _) = world.open_call(4, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let (carl, cora) = (
        world.coordinator("Carl", "BE1").await,
        world.coordinator("Cora", "BE2").await,
    );
    let other = call_of(&world, &admin, "medtech-accelerator", "other").await;
    let project = world.project(&founder, "Lamp").await;
    let application = world.submitted(&founder, &project, &own).await;
    Sent {
        world,
        admin,
        founder,
        carl,
        cora,
        project,
        application,
        other,
    }
}

impl Sent {
    async fn propose(&self, to: Value) -> Answer {
        let mut body = to;
        body["reason"] = "It fits better there".into();
        let path = format!("/v1/applications/{}/routings", self.application);
        self.carl.post(&path, body).await
    }

    async fn answer(&self, routing: &str, said: &str) -> Answer {
        let path = format!("/v1/routings/{routing}/{said}");
        self.founder.post_seen(&path, json!({})).await
    }

    async fn show(&self, client: &Client, application: &str) -> Answer {
        client.get(&format!("/v1/applications/{application}")).await
    }
}

#[actix_web::test]
async fn an_application_goes_to_another_call_once_its_team_consents() {
    let at = sent().await;
    let before = at.show(&at.founder, &at.application).await.text;
    let routing = at
        .propose(json!({ "call_id": at.other }))
        .await
        .expect(201)
        .text_at("/id");
    assert_eq!(
        at.show(&at.founder, &at.application).await.text,
        before,
        "nothing moves before"
    );
    at.propose(json!({ "call_id": at.other }))
        .await
        .refused(409, "routing-open");
    let mails = at.world.mails().await;
    let asked = mails
        .iter()
        .find(|letter| letter.subject.contains("Une proposition"));
    let letter = asked.expect("a mail");
    assert_eq!(letter.to, "ada@example.org");
    assert!(
        letter.text.contains("It fits better there"),
        "{}",
        letter.text
    );
    at.carl
        .post_seen(&format!("/v1/routings/{routing}/consent"), json!({}))
        .await
        .refused(403, "not-allowed");
    at.cora
        .post_seen(&format!("/v1/routings/{routing}/consent"), json!({}))
        .await
        .refused(404, "not-found");
    let done = at.answer(&routing, "consent").await.expect(200);
    let new = done.text_at("/new_application_id");
    let new = at.show(&at.founder, &new).await.expect(200);
    assert_eq!(
        (new.text_at("/state"), new.text_at("/call_id")),
        ("submitted".into(), at.other.clone())
    );
    assert_eq!(new.text_at("/answers/need"), "falls");
    assert_eq!(
        at.show(&at.founder, &at.application)
            .await
            .text_at("/state"),
        "withdrawn"
    );
    at.answer(&routing, "refusal")
        .await
        .refused(409, "routing-answered");
    let mails = at.world.mails().await;
    let told = mails
        .iter()
        .any(|letter| letter.to == "carl@example.org" && letter.subject.contains("doorgestuurd"));
    assert!(told, "those who take it up hear of it");
    let list = at
        .founder
        .list(&format!("/v1/applications/{}/routings", at.application))
        .await;
    assert_eq!((list.len(), &list[0]["state"]), (1, &json!("consented")));
    let kinds = at
        .admin
        .list("/v1/events?after=0&kind=routing.consented")
        .await;
    assert_eq!(
        kinds[0]["data"]["new_application_id"],
        json!(new.text_at("/id"))
    );
    assert!(!format!("{kinds:?}").contains("fits better"));
}

#[actix_web::test]
async fn what_the_other_call_does_not_take_arrives_as_a_draft() {
    let at = sent().await;
    let path = format!("/v1/calls/{}/eligibility", at.other);
    let ask = at
        .admin
        .ask(reqwest::Method::PUT, &path)
        .header("If-Match", "*");
    ask.json(&json!({ "team_at_least": 2 }))
        .send()
        .await
        .expect(200);
    let routing = at
        .propose(json!({ "call_id": at.other }))
        .await
        .expect(201)
        .text_at("/id");
    let done = at.answer(&routing, "consent").await.expect(200);
    let new = at
        .show(&at.founder, &done.text_at("/new_application_id"))
        .await;
    assert_eq!(
        (new.text_at("/state"), new.text_at("/answers/need")),
        ("draft".into(), "falls".into())
    );
}

#[actix_web::test]
async fn a_refusal_leaves_everything_as_it_is() {
    let at = sent().await;
    let before = at.show(&at.founder, &at.application).await.text;
    let routing = at
        .propose(json!({ "call_id": at.other }))
        .await
        .expect(201)
        .text_at("/id");
    at.answer(&routing, "refusal").await.expect(200);
    assert_eq!(at.show(&at.founder, &at.application).await.text, before);
    at.world.deliver().await;
    let messages = at.carl.list("/v1/me/notifications").await;
    assert!(
        messages.iter().any(|one| one["kind"] == "routing.refused"),
        "{messages:?}"
    );
    at.propose(json!({ "region": "BE2" })).await.expect(201);
}

#[actix_web::test]
async fn a_proposal_has_one_sensible_target_and_comes_from_who_runs_the_project() {
    let at = sent().await;
    let own = at
        .show(&at.founder, &at.application)
        .await
        .text_at("/call_id");
    for to in [json!({}), json!({ "call_id": at.other, "region": "BE2" })] {
        let errors = at.propose(to).await.refused(422, "invalid").errors();
        assert_eq!(
            errors,
            [("/call_id".to_owned(), "call-or-region".to_owned())]
        );
    }
    for (to, status, code) in [
        (json!({ "call_id": own }), 409, "nothing-to-route"),
        (json!({ "region": "BE1" }), 409, "nothing-to-route"),
        (json!({ "region": "XX" }), 422, "invalid"),
        (json!({ "call_id": at.project }), 422, "invalid"),
    ] {
        at.propose(to).await.refused(status, code);
    }
    draft(&at.founder, &at.project, &at.other).await;
    at.propose(json!({ "call_id": at.other }))
        .await
        .refused(409, "already-applied");
    let path = format!("/v1/applications/{}/routings", at.application);
    let body = json!({ "region": "BE2", "reason": "Mine" });
    at.founder
        .post(&path, body.clone())
        .await
        .refused(403, "not-allowed");
    at.cora.post(&path, body).await.refused(404, "not-found");
    let routing = at
        .propose(json!({ "region": "BE2" }))
        .await
        .expect(201)
        .text_at("/id");
    let path = format!("/v1/applications/{}/withdrawal", at.application);
    at.founder.post_seen(&path, json!({})).await.expect(200);
    at.answer(&routing, "consent")
        .await
        .refused(409, "not-withdrawable");
}

#[actix_web::test]
async fn a_project_goes_to_another_region_with_its_application() {
    let at = sent().await;
    let routing = at
        .propose(json!({ "region": "BE2" }))
        .await
        .expect(201)
        .text_at("/id");
    at.show(&at.cora, &at.application)
        .await
        .refused(404, "not-found");
    at.answer(&routing, "consent").await.expect(200);
    at.show(&at.carl, &at.application)
        .await
        .refused(404, "not-found");
    assert_eq!(
        at.show(&at.cora, &at.application)
            .await
            .expect(200)
            .text_at("/region"),
        "BE2"
    );
    let project = at
        .cora
        .get(&format!("/v1/projects/{}", at.project))
        .await
        .expect(200);
    assert_eq!(
        (project.text_at("/region"), project.text_at("/postal_code")),
        ("BE2".into(), "1000".into())
    );
    let work = at
        .cora
        .list(&format!("/v1/projects/{}/assignments", at.project))
        .await;
    let open: Vec<&Value> = work
        .iter()
        .filter(|one| one["ended_at"].is_null())
        .collect();
    assert_eq!(
        (open.len(), &open[0]["account_id"]),
        (1, &json!(at.cora.id))
    );
    let mails = at.world.mails().await;
    assert!(
        mails.iter().any(
            |letter| letter.to == "cora@example.org" && letter.subject.contains("doorgestuurd")
        )
    );
    let decline = json!({ "outcome": "decline", "feedback": "Not yet" });
    let path = format!("/v1/applications/{}/decision", at.application);
    at.cora.post_seen(&path, decline).await.expect(200);
}

#[actix_web::test]
async fn of_two_answers_at_once_one_counts() {
    let at = sent().await;
    let routing = at
        .propose(json!({ "call_id": at.other }))
        .await
        .expect(201)
        .text_at("/id");
    let before = at.world.count("applications");
    let both = [
        at.answer(&routing, "consent"),
        at.answer(&routing, "consent"),
    ];
    let both = futures_util::future::join_all(both).await;
    let mut statuses: Vec<u16> = both.iter().map(|one| one.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let late = both.into_iter().find(|one| one.status == 409);
    late.expect("the other").refused(409, "routing-answered");
    assert_eq!(at.world.count("applications"), before + 1);
}
