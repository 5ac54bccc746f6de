//! Reviews: rubrics, conflicts of interest, who reads what, plans, scores, committees.

use std::collections::BTreeSet;

use base64::Engine;
use colonnade::applications::{self, ApplicationId};
use colonnade::auth::{Caller, Grant, Role, Scope};
use colonnade::lang::Lang;
use reqwest::Method;
use serde_json::{Value, json};

use crate::forms::{form, names, question};
use crate::support::world::World;
use crate::support::{Answer, Client};

pub async fn put(client: &Client, path: &str, body: Value) -> Answer {
    let ask = client.ask(Method::PUT, path).header("If-Match", "*");
    ask.json(&body).send().await
}

pub fn rubric(more: Value) -> Value {
    let criterion = |key: &str, weight: i32| {
        json!({
            "key": key, "names": names(key), "guidance": names("How well?"), "weight": weight,
            "scale": { "min": 1, "max": 5 },
        })
    };
    let mut rubric = json!({
        "criteria": [criterion("need", 3), criterion("team", 1)], "reviews_per_application": 2,
    });
    let fields = rubric.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    rubric
}

pub async fn reviewer(world: &World, name: &str) -> Client {
    let scope = Scope::Network;
    let role = Role::Reviewer;
    world
        .person(name, Lang::En, vec![Grant { role, scope }])
        .await
}

/// A call with a rubric, and what was said to make it so.
struct Stage {
    world: World,
    admin: Client,
    coordinator: Client,
    call: String,
    cohort: String,
}

impl Stage {
    async fn new(more: Value) -> Self {
        let world = World::new().await;
        let (admin, coordinator) = (world.admin().await, world.coordinator("Carl", "BE1").await);
        let (call, cohort) = world.open_call(5, &[]).await;
        put(&admin, &format!("/v1/calls/{call}/rubric"), rubric(more))
            .await
            .expect(200);
        Self {
            world,
            admin,
            coordinator,
            call,
            cohort,
        }
    }

    /// A founder's application.
    async fn application(&self, founder: &Client, title: &str) -> (String, String) {
        let mut body = crate::support::world::new_project(title);
        body["language"] = "en".into();
        let project = founder.post("/v1/projects", body).await.expect(201);
        let project = project.text_at("/id");
        let application = self.world.submitted(founder, &project, &self.call).await;
        (project, application)
    }

    async fn assign(&self, application: &str, who: &Client) -> Answer {
        let path = format!("/v1/applications/{application}/reviews");
        let body = json!({ "account_id": who.id });
        self.coordinator.post(&path, body).await
    }

    async fn assigned(&self, application: &str, who: &Client) -> String {
        self.assign(application, who)
            .await
            .expect(201)
            .text_at("/id")
    }

    async fn submit(&self, who: &Client, review: &str, need: i32, team: i32) {
        let path = format!("/v1/reviews/{review}");
        put(who, &path, scores(need, team)).await.expect(200);
        let path = format!("{path}/submission");
        who.post_seen(&path, json!({})).await.expect(200);
    }

    async fn scores(&self) -> Vec<Value> {
        let path = format!("/v1/calls/{}/scores?sort=-weighted", self.call);
        self.admin.list(&path).await
    }
}

fn scores(need: i32, team: i32) -> Value {
    json!({
        "scores": { "need": need, "team": team }, "comment": "Sound", "private_note": "Hm",
        "recommendation": "accept",
    })
}

fn pairs(errors: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(at, code): &(&str, &str)| ((*at).to_owned(), (*code).to_owned());
    errors.iter().map(own).collect()
}

#[actix_web::test]
async fn a_review_goes_from_the_rubric_to_the_scores() {
    let stage = Stage::new(json!({})).await;
    let (founder, rita, remy) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
        reviewer(&stage.world, "Remy").await,
    );
    let (_, application) = stage.application(&founder, "Sangalux").await;
    let before = founder
        .get(&format!("/v1/applications/{application}"))
        .await;
    let review = stage.assigned(&application, &rita).await;
    stage
        .assign(&application, &rita)
        .await
        .refused(409, "already-reviewing");
    stage
        .assign(&application, &founder)
        .await
        .refused(409, "no-such-role");
    let path = format!("/v1/reviews/{review}");
    let wrong = json!({ "scores": { "need": 6, "luck": 1, "team": 2.5 } });
    let refused = put(&rita, &path, wrong).await.refused(422, "invalid");
    let expected = pairs(&[
        ("/scores/luck", "unknown-criterion"),
        ("/scores/need", "score-out-of-scale"),
        ("/scores/team", "score-out-of-scale"),
    ]);
    assert_eq!(refused.errors(), expected);
    put(&rita, &path, json!({ "scores": { "need": 5 } }))
        .await
        .expect(200);
    let early = rita
        .post_seen(&format!("{path}/submission"), json!({}))
        .await;
    let expected = pairs(&[
        ("/recommendation", "required"),
        ("/scores/team", "required"),
    ]);
    assert_eq!(early.refused(422, "invalid").errors(), expected);
    stage.submit(&rita, &review, 5, 1).await;
    put(&rita, &path, scores(1, 1))
        .await
        .refused(409, "review-over");
    // What is for its author only, and what others may read.
    let own = rita.get(&path).await.expect(200).json();
    assert_eq!(
        (&own["private_note"], &own["weighted"]),
        (&json!("Hm"), &json!(75.0))
    );
    let seen = stage.coordinator.get(&path).await.expect(200).json();
    assert_eq!(
        (&seen["private_note"], &seen["comment"]),
        (&Value::Null, &json!("Sound"))
    );
    founder.get(&path).await.refused(404, "not-found");
    remy.get(&path).await.refused(404, "not-found");
    let second = stage.assigned(&application, &remy).await;
    stage.submit(&remy, &second, 1, 1).await;
    let rows = stage.scores().await;
    let row = &rows[0];
    assert_eq!(row["application_id"], application);
    assert_eq!(
        (&row["weighted"], &row["spread"]),
        (&json!(37.5), &json!(37.5))
    );
    assert_eq!(row["criteria"], json!({ "need": 3.0, "team": 1.0 }));
    // A founder can't see from outside that anything happened.
    let after = founder
        .get(&format!("/v1/applications/{application}"))
        .await;
    assert_eq!(
        (before.header("etag"), &before.text),
        (after.header("etag"), &after.text)
    );
    let events = founder
        .get("/v1/events?after=0&limit=100")
        .await
        .expect(200);
    assert!(!events.text.contains("review"), "{}", events.text);
    let letters = stage.world.mails().await;
    let to = |who: &str, word: &str| {
        let mine =
            |one: &&crate::support::Letter| one.to.starts_with(who) && one.subject.contains(word);
        letters.iter().filter(mine).count()
    };
    assert_eq!(to("rita", "review for you"), 1);
    assert_eq!(to("carl", "beoordelingen zijn binnen"), 1);
    assert_eq!(to("ada", "valuation"), 0);
}

#[actix_web::test]
async fn a_rubric_is_checked_as_a_whole_and_stands_once_there_are_scores() {
    let stage = Stage::new(json!({})).await;
    let path = format!("/v1/calls/{}/rubric", stage.call);
    let mut wrong = rubric(json!({}));
    wrong["criteria"][1]["key"] = "need".into();
    wrong["criteria"][0]["scale"] = json!({ "min": 3, "max": 3 });
    let refused = put(&stage.admin, &path, wrong)
        .await
        .refused(422, "invalid");
    let expected = pairs(&[
        ("/criteria/0/scale/max", "scale-empty"),
        ("/criteria/1/key", "repeated-key"),
    ]);
    assert_eq!(refused.errors(), expected);
    let unseen = stage.admin.put(&path, rubric(json!({}))).await;
    unseen.refused(428, "version-needed");
    put(&stage.coordinator, &path, rubric(json!({})))
        .await
        .refused(403, "not-allowed");
    let (founder, rita) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
    );
    founder.get(&path).await.refused(404, "not-found");
    rita.get(&path).await.expect(200);
    let (_, application) = stage.application(&founder, "Sangalux").await;
    let review = stage.assigned(&application, &rita).await;
    put(&stage.admin, &path, rubric(json!({ "blind": true })))
        .await
        .expect(200);
    stage.submit(&rita, &review, 3, 3).await;
    put(&stage.admin, &path, rubric(json!({})))
        .await
        .refused(409, "rubric-frozen");
    let shared = rubric(json!({ "blind": true, "scores_shared": true }));
    put(&stage.admin, &path, shared).await.expect(200);
}

/// A form with one question for reviewers, one about people, and one for staff.
fn blind_form() -> Value {
    form(&[
        question("need", "long_text", json!({ "for_reviewers": true })),
        question(
            "who",
            "short_text",
            json!({ "for_reviewers": true, "personal": true }),
        ),
        question("inside", "short_text", json!({})),
    ])
}

/// Everything that a blind reviewer may not come across.
struct Secrets(Vec<String>);

impl Secrets {
    #[track_caller]
    fn check(&self, about: &str, text: &str) {
        for secret in &self.0 {
            assert!(
                !text.contains(secret.as_str()),
                "{about} tells {secret}: {text}"
            );
        }
    }
}

/// Every path of the document that is read, with each of some ids in each place.
fn readings(ids: &[String]) -> BTreeSet<String> {
    let document = serde_json::to_value(colonnade::http::openapi::document()).expect("a document");
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() {
            continue;
        }
        let mut filled = vec![String::new()];
        for part in path.split('/').skip(1) {
            let choices: Vec<String> = if part.starts_with('{') {
                ids.to_vec()
            } else {
                vec![part.to_owned()]
            };
            filled = filled
                .iter()
                .flat_map(|start| choices.iter().map(move |one| format!("{start}/{one}")))
                .collect();
        }
        found.extend(filled);
    }
    found
}

#[actix_web::test]
async fn a_blind_reviewer_finds_no_name_no_region_and_no_founder_anywhere() {
    let stage = Stage::new(json!({ "blind": true, "scores_shared": true })).await;
    let world = &stage.world;
    put(
        &stage.admin,
        &format!("/v1/calls/{}/form", stage.call),
        blind_form(),
    )
    .await
    .expect(200);
    let founder = world.person("cnry-founder", Lang::En, Vec::new()).await;
    world.pass(chrono::Duration::hours(5));
    let mut secrets = vec![
        "cnry-".to_owned(),
        founder.id.clone(),
        "BE1".to_owned(),
        "\"1000\"".into(),
    ];
    let (mut ids, mut reviews) = (vec![founder.id.clone()], Vec::new());
    let rita = reviewer(world, "Rita").await;
    world.pass(chrono::Duration::minutes(7));
    for number in 1..4 {
        let title = format!("cnry-title{number}");
        let mut body = crate::support::world::new_project(&title);
        body["summary"] = "cnry-summary".into();
        body["website"] = "https://cnry-website.example.org".into();
        let made = founder.post("/v1/projects", body).await.expect(201).json();
        let project = made["id"].as_str().expect("an id").to_owned();
        let answers = json!({ "need": "Nurses fall", "who": "cnry-who", "inside": "cnry-inside" });
        let body = json!({ "project_id": project, "call_id": stage.call, "answers": answers });
        let drafted = founder
            .post("/v1/applications", body)
            .await
            .expect(201)
            .json();
        let application = drafted["id"].as_str().expect("an id").to_owned();
        world.pass(chrono::Duration::minutes(7));
        let path = format!("/v1/applications/{application}/submit");
        let receipt = founder.post_seen(&path, json!({})).await.expect(200).json();
        for value in [
            &made["reference"],
            &drafted["reference"],
            &drafted["created_at"],
            &receipt["submitted_at"],
        ] {
            secrets.push(value.as_str().expect("a text").to_owned());
        }
        world.pass(chrono::Duration::minutes(7));
        reviews.push(stage.assigned(&application, &rita).await);
        world.pass(chrono::Duration::minutes(7));
        secrets.extend([project.clone(), application.clone()]);
        ids.extend([project, application]);
    }
    let path = format!("/v1/applications/{}/decision", ids[2]);
    let declined = json!({ "outcome": "decline", "feedback": "cnry-feedback" });
    stage
        .coordinator
        .post_seen(&path, declined)
        .await
        .expect(200);
    let secrets = Secrets(secrets);
    reads_what_is_meant_for_it(&stage, &rita, &reviews, &secrets).await;
    ids.extend([
        stage.call.clone(),
        stage.cohort.clone(),
        rita.id.clone(),
        reviews[0].clone(),
    ]);
    let (mut walked, mut read) = (0, 0);
    for path in readings(&ids) {
        // What says the same to a stranger, such as the list of regions, says nothing of whose an application is.
        let public = world.stranger.get(&path).await;
        for form in ["", "?format=csv"] {
            let answer = rita.get(&format!("{path}{form}")).await;
            walked += 1;
            if answer.status != 200 {
                // A problem repeats the path that was asked for.
                let told = answer.text.replace(&path, "");
                secrets.check(&path, &told);
            } else if !public.status.is_success() {
                read += 1;
                secrets.check(&path, &answer.text);
            }
        }
    }
    assert!(walked > 150 && read > 15, "{walked} {read}");
    finds_nothing_by_asking(&stage, &rita, &ids).await;
    let letters = world.mails().await;
    let mine: Vec<_> = letters
        .iter()
        .filter(|one| one.to.starts_with("rita"))
        .collect();
    assert!(mine.len() >= 3, "{}", mine.len());
    for letter in mine {
        secrets.check(
            "a mail",
            &format!("{}{}{}", letter.subject, letter.text, letter.html),
        );
    }
    let messages = rita.get("/v1/me/notifications?limit=100").await.expect(200);
    secrets.check("messages", &messages.text);
}

/// The answers that are for reviewers, under ids and names of the reviews' own; page by page without a trace in cursors.
async fn reads_what_is_meant_for_it(
    stage: &Stage,
    rita: &Client,
    reviews: &[String],
    secrets: &Secrets,
) {
    for sort in ["created_at", "-created_at", "updated_at"] {
        let mut path = format!(
            "/v1/applications?limit=1&sort={sort}&call_id={}",
            stage.call
        );
        let mut found = BTreeSet::new();
        loop {
            let page = rita.get(&path).await.expect(200).json();
            for row in page["data"].as_array().expect("a list") {
                assert_eq!(row["answers"], json!({ "need": "Nurses fall" }), "{row}");
                assert_eq!(row["state"], "in_review", "{row}");
                found.insert(row["id"].as_str().expect("an id").to_owned());
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(next);
            secrets.check(
                "a cursor",
                &String::from_utf8_lossy(&cursor.expect("base64")),
            );
            path = format!(
                "/v1/applications?limit=1&sort={sort}&call_id={}&cursor={next}",
                stage.call
            );
        }
        assert_eq!(found, reviews.iter().cloned().collect(), "by {sort}");
    }
    let one = rita
        .get(&format!("/v1/applications/{}", reviews[0]))
        .await
        .expect(200)
        .json();
    for field in [
        "project_id",
        "region",
        "cohort_id",
        "feedback",
        "decided_at",
        "decided_by",
        "submitted_at",
    ] {
        assert_eq!(one[field], Value::Null, "{field}");
    }
    let review = rita
        .get(&format!("/v1/reviews/{}", reviews[0]))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&review["application_id"], &review["label"]),
        (&json!(reviews[0]), &one["reference"])
    );
}

/// No filter and no command tells whether what somebody guesses is there.
async fn finds_nothing_by_asking(stage: &Stage, rita: &Client, ids: &[String]) {
    let (project, application) = (&ids[1], &ids[2]);
    for query in [
        "q=cnry".to_owned(),
        "region=BE1".into(),
        "sector=medtech".into(),
        "state=submitted".into(),
        "state=in_review".into(),
        format!("project_id={project}"),
        format!("cohort_id={}", stage.cohort),
    ] {
        let found = rita.list(&format!("/v1/applications?{query}")).await;
        assert!(found.is_empty(), "{query}: {found:?}");
    }
    let found = rita
        .list(&format!("/v1/reviews?application_id={application}"))
        .await;
    assert!(found.is_empty(), "{found:?}");
    for path in ["", "/receipt"] {
        let real = format!("/v1/applications/{application}{path}");
        rita.get(&real).await.refused(404, "not-found");
    }
    let real = format!("/v1/applications/{application}/withdrawal");
    rita.post_seen(&real, json!({}))
        .await
        .refused(404, "not-found");
    let known = json!({ "project_id": project, "note": "My cousin" });
    let refused = rita
        .post("/v1/conflicts", known)
        .await
        .refused(422, "invalid");
    assert_eq!(
        refused.errors(),
        pairs(&[("/project_id", "unknown-reference")])
    );
    let path = format!("/v1/accounts/{}/grants", stage.coordinator.id);
    let role = json!({ "role": "reviewer", "scope": { "kind": "network" } });
    stage.admin.post(&path, role).await.expect(201);
    stage
        .assign(application, &stage.coordinator)
        .await
        .refused(409, "review-closed");
    stage
        .assign(&ids[4], &stage.coordinator)
        .await
        .refused(409, "sees-by-name");
}

#[actix_web::test]
async fn a_reviewer_who_is_not_blind_sees_the_public_face_and_what_is_meant_for_reviewers() {
    let stage = Stage::new(json!({})).await;
    put(
        &stage.admin,
        &format!("/v1/calls/{}/form", stage.call),
        blind_form(),
    )
    .await
    .expect(200);
    let (founder, rita) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
    );
    let (project, _) = stage.application(&founder, "Sangalux").await;
    let path = format!("/v1/projects/{project}");
    rita.get(&path).await.refused(404, "not-found");
    let application = founder.ids("/v1/applications").await.remove(0);
    let review = stage.assigned(&application, &rita).await;
    let shown = rita
        .get(&format!("/v1/reviews/{review}"))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["project"]["title"], "Sangalux");
    assert_eq!(shown["application_id"], application);
    let read = rita.get(&format!("/v1/applications/{application}")).await;
    assert_eq!(
        read.expect(200).json()["answers"],
        json!({ "need": "falls" })
    );
    assert_eq!(
        rita.ids("/v1/applications?q=Sangalux").await,
        [application.clone()]
    );
    rita.get(&path).await.refused(404, "not-found");
    // Given back, it is gone.
    let decline = json!({ "reason": "No time" });
    rita.post_seen(&format!("/v1/reviews/{review}/decline"), decline)
        .await
        .expect(204);
    let read = rita.get(&format!("/v1/applications/{application}")).await;
    read.refused(404, "not-found");
}

#[actix_web::test]
async fn a_conflict_takes_reading_scoring_and_averaging_away_until_it_ends() {
    let stage = Stage::new(json!({ "blind": true })).await;
    let (founder, rita, remy) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
        reviewer(&stage.world, "Remy").await,
    );
    let (project, application) = stage.application(&founder, "Sangalux").await;
    let review = stage.assigned(&application, &rita).await;
    let other = stage.assigned(&application, &remy).await;
    stage.submit(&rita, &review, 5, 5).await;
    stage.submit(&remy, &other, 1, 1).await;
    assert_eq!(stage.scores().await[0]["weighted"], 50.0);
    let body = json!({ "account_id": rita.id, "project_id": project, "note": "Cousins" });
    let made = stage
        .coordinator
        .post("/v1/conflicts", body.clone())
        .await
        .expect(201);
    let again = stage.coordinator.post("/v1/conflicts", body).await;
    again.refused(409, "conflict-known");
    assert_eq!(stage.scores().await[0]["weighted"], 0.0);
    for path in [
        format!("/v1/reviews/{review}"),
        format!("/v1/applications/{review}"),
    ] {
        rita.get(&path).await.refused(404, "not-found");
    }
    assert!(rita.list("/v1/applications").await.is_empty());
    let path = format!("/v1/reviews/{review}");
    put(&rita, &path, scores(2, 2))
        .await
        .refused(404, "not-found");
    let path = format!("/v1/conflicts/{}/end", made.text_at("/id"));
    let reason = json!({ "reason": "No cousins after all" });
    rita.post_seen(&path, reason.clone())
        .await
        .refused(403, "not-allowed");
    stage
        .coordinator
        .post_seen(&path, reason.clone())
        .await
        .expect(200);
    stage
        .coordinator
        .post_seen(&path, reason)
        .await
        .refused(409, "conflict-over");
    assert_eq!(stage.scores().await[0]["weighted"], 50.0);
    rita.get(&format!("/v1/reviews/{review}")).await.expect(200);
    // Declared with a review: the reviewer learns nothing of whose it was.
    let (project, application) = stage.application(&founder, "Tremolux").await;
    let review = stage.assigned(&application, &rita).await;
    let body = json!({ "reason": "I know this", "conflict": true });
    rita.post_seen(&format!("/v1/reviews/{review}/decline"), body)
        .await
        .expect(204);
    let own = rita.get("/v1/conflicts?open=true").await.expect(200);
    assert!(!own.text.contains(&project), "{}", own.text);
    assert_eq!(own.json()["data"][0]["review_id"], review);
    let seen = stage.admin.get("/v1/conflicts?open=true").await.expect(200);
    assert!(seen.text.contains(&project), "{}", seen.text);
}

#[actix_web::test]
async fn a_conflict_takes_a_coach_off_a_project_and_an_organisation_s_reaches_its_people() {
    let stage = Stage::new(json!({})).await;
    let world = &stage.world;
    let (founder, bea) = (world.founder("Ada").await, world.coach("Bea").await);
    let project = world
        .admitted(
            &founder,
            &stage.coordinator,
            &stage.call,
            &stage.cohort,
            "Sangalux",
        )
        .await;
    let assign = format!("/v1/projects/{project}/assignments");
    let job = json!({ "account_id": bea.id, "role": "coach", "kind": "lead" });
    stage
        .coordinator
        .post(&assign, job.clone())
        .await
        .expect(201);
    let path = format!("/v1/projects/{project}");
    bea.get(&path).await.expect(200);
    let body = json!({ "project_id": project, "note": "I own shares" });
    bea.post("/v1/conflicts", body).await.expect(201);
    bea.get(&path).await.refused(404, "not-found");
    assert!(bea.list("/v1/projects").await.is_empty());
    let events = bea.get("/v1/events?after=0&limit=100").await.expect(200);
    assert!(!events.text.contains(&project), "{}", events.text);
    let update = json!({ "note": "All well", "confidence": "green" });
    bea.post(&format!("{path}/updates"), update)
        .await
        .refused(404, "not-found");
    let before = world
        .mails()
        .await
        .iter()
        .filter(|one| one.to.starts_with("bea"))
        .count();
    let hold = json!({ "kind": "hold", "reason": "Waiting" });
    stage
        .coordinator
        .post_seen(&format!("{path}/transitions"), hold)
        .await
        .expect(201);
    let after = world
        .mails()
        .await
        .iter()
        .filter(|one| one.to.starts_with("bea"))
        .count();
    assert_eq!(before, after, "no mail about what may not be read");
    // By way of an organisation that the founder belongs to.
    let ben = world.coach("Ben").await;
    let bodies = stage.admin.list("/v1/organisations").await;
    let body = bodies[0]["id"].as_str().expect("an id");
    let grant = json!({ "role": "partner", "scope": { "kind": "organisation", "id": body } });
    let path = format!("/v1/accounts/{}/grants", founder.id);
    stage.admin.post(&path, grant).await.expect(201);
    let conflict = json!({ "account_id": ben.id, "organisation_id": body, "note": "Employer" });
    stage
        .coordinator
        .post("/v1/conflicts", conflict.clone())
        .await
        .refused(403, "not-allowed");
    stage
        .admin
        .post("/v1/conflicts", conflict)
        .await
        .expect(201);
    let job = json!({ "account_id": ben.id, "role": "coach", "kind": "expert" });
    stage
        .coordinator
        .post(&assign, job)
        .await
        .refused(409, "in-conflict");
    let nothing = json!({ "note": "Hm" });
    let refused = ben
        .post("/v1/conflicts", nothing)
        .await
        .refused(422, "invalid");
    assert_eq!(refused.errors(), pairs(&[("", "one-of-these")]));
}

#[actix_web::test]
async fn a_plan_is_shown_before_it_is_applied_and_says_what_has_changed_since() {
    let stage = Stage::new(json!({ "blind": true, "avoid_own_region": true })).await;
    let world = &stage.world;
    let founder = world.founder("Ada").await;
    let mut reviewers = Vec::new();
    for name in ["Rita", "Remy", "Rosa", "Rick"] {
        reviewers.push(reviewer(world, name).await);
    }
    let profile = |languages: &[&str], region: &str| json!({ "sectors": ["medtech"], "languages": languages, "region": region, "max_load": 9 });
    // Rick reads no English, Rosa comes from the region, Remy has a conflict with the second.
    let path = |who: &Client| format!("/v1/accounts/{}/reviewer-profile", who.id);
    for (who, languages, region) in [(3, &["fr"][..], "BE2"), (2, &["en", "fr"], "BE1")] {
        let who = &reviewers[who];
        put(&stage.admin, &path(who), profile(languages, region))
            .await
            .expect(200);
    }
    put(
        &reviewers[0],
        "/v1/me/reviewer-profile",
        profile(&["en"], "BE9"),
    )
    .await
    .refused(422, "invalid");
    put(&founder, "/v1/me/reviewer-profile", profile(&["en"], "BE2"))
        .await
        .refused(409, "no-such-role");
    let (_, first) = stage.application(&founder, "Sangalux").await;
    let (project, second) = stage.application(&founder, "Tremolux").await;
    let conflict =
        json!({ "account_id": reviewers[1].id, "project_id": project, "note": "Cousins" });
    stage
        .admin
        .post("/v1/conflicts", conflict)
        .await
        .expect(201);
    let plans = format!("/v1/calls/{}/review-plans", stage.call);
    stage
        .coordinator
        .post(&plans, json!({}))
        .await
        .refused(403, "not-allowed");
    let plan = stage.admin.post(&plans, json!({})).await.expect(201).json();
    let mut found: Vec<(Value, Value)> = plan["pairs"]
        .as_array()
        .expect("pairs")
        .iter()
        .map(|pair| (pair["application_id"].clone(), pair["account_id"].clone()))
        .collect();
    found.sort_by_key(|pair| format!("{pair:?}"));
    let mut expected = vec![
        (json!(first), json!(reviewers[0].id)),
        (json!(first), json!(reviewers[1].id)),
        (json!(second), json!(reviewers[0].id)),
    ];
    expected.sort_by_key(|pair| format!("{pair:?}"));
    assert_eq!(found, expected);
    let unmet = &plan["unmet"][0];
    assert_eq!(
        (&unmet["application_id"], &unmet["missing"]),
        (&json!(second), &json!(1))
    );
    let excluded = json!({ "conflict": 1, "language": 1, "own-region": 1 });
    assert_eq!(unmet["excluded"], excluded);
    assert_eq!(
        world.count("reviews"),
        0,
        "nothing happens before it is applied"
    );
    // One of its pairs is assigned by hand meanwhile.
    stage.assigned(&first, &reviewers[0]).await;
    let apply = format!(
        "/v1/review-plans/{}/application",
        plan["id"].as_str().expect("an id")
    );
    let stale = stage
        .admin
        .post(&apply, json!({}))
        .await
        .refused(409, "plan-stale");
    assert!(stale.text.contains("already"), "{}", stale.text);
    assert_eq!(world.count("reviews"), 1, "all of it or nothing");
    let plan = stage.admin.post(&plans, json!({})).await.expect(201).json();
    assert_eq!(plan["pairs"].as_array().map(Vec::len), Some(2));
    let apply = format!(
        "/v1/review-plans/{}/application",
        plan["id"].as_str().expect("an id")
    );
    let applied = stage.admin.post(&apply, json!({})).await.expect(200);
    assert_eq!(applied.text_at("/state"), "applied");
    stage
        .admin
        .post(&apply, json!({}))
        .await
        .refused(409, "plan-applied");
    assert_eq!(reviewers[0].list("/v1/reviews").await.len(), 2);
    assert_eq!(world.count("application_readers"), 3);
}

#[actix_web::test]
async fn a_committee_decides_once_each_region_has_spoken() {
    let stage = Stage::new(json!({})).await;
    let (founder, rita) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
    );
    let (_, application) = stage.application(&founder, "Sangalux").await;
    let ready = async || {
        let id = ApplicationId(application.parse().expect("an id"));
        let checked = stage.world.app.run(Caller::system(), move |tx| {
            let application = applications::find(tx.conn, id)?;
            colonnade::reviews::committee_ready(tx.conn, &application)
        });
        checked.await.map_err(|error| error.code())
    };
    assert_eq!(
        ready().await,
        Ok(()),
        "without a committee nobody is needed"
    );
    let member = |who: &Client, region: &str| json!({ "account_id": who.id, "region": region });
    let (nina, carl) = (
        stage.world.coordinator("Nina", "BE2").await,
        &stage.coordinator,
    );
    let path = format!("/v1/calls/{}/committee", stage.call);
    let members = [member(carl, "BE1"), member(&nina, "BE2")];
    let few = json!({ "members": members, "needed_per_region": 1 });
    let refused = put(&stage.admin, &path, few).await.refused(422, "invalid");
    assert_eq!(
        refused.errors(),
        pairs(&[("/members", "region-without-members")])
    );
    let members = [
        member(carl, "BE1"),
        member(&rita, "BE3"),
        member(&stage.admin, "BE2"),
    ];
    let enough = json!({ "members": members, "needed_per_region": 1 });
    put(&stage.admin, &path, enough).await.expect(200);
    assert_eq!(ready().await, Err(Some("committee-incomplete")));
    let decision = format!("/v1/applications/{application}/decision");
    carl.post_seen(&decision, json!({ "outcome": "decline" }))
        .await
        .refused(409, "committee-incomplete");
    let staged = format!("/v1/applications/{application}/staged-decision");
    let decline = json!({ "outcome": "decline", "reasons": [{ "code": "team" }] });
    carl.put(&staged, decline).await.expect(200);
    let release = format!("/v1/calls/{}/releases", stage.call);
    let refused = carl.post(&release, json!({})).await;
    let refused = refused.refused(409, "release-refused").errors();
    assert!(
        refused.len() == 3
            && refused
                .iter()
                .all(|(_, code)| code == "region-has-not-spoken"),
        "{refused:?}"
    );
    let review = stage.assigned(&application, &rita).await;
    stage.submit(&rita, &review, 4, 4).await;
    let vote = format!("/v1/applications/{application}/vote");
    let yes = json!({ "vote": "for" });
    carl.put(&vote, yes.clone()).await.expect(200);
    nina.put(&vote, yes.clone()).await.refused(404, "not-found");
    founder
        .put(&vote, yes.clone())
        .await
        .refused(403, "not-allowed");
    assert_eq!(ready().await, Err(Some("committee-incomplete")));
    stage.admin.put(&vote, yes).await.expect(200);
    assert_eq!(ready().await, Ok(()));
    let conflict = json!({ "note": "Cousins", "review_id": review });
    let noted = rita.post("/v1/conflicts", conflict).await.expect(201);
    assert_eq!(ready().await, Err(Some("committee-incomplete")));
    let end = format!("/v1/conflicts/{}/end", noted.text_at("/id"));
    carl.post_seen(&end, json!({ "reason": "They are not" }))
        .await
        .expect(200);
    carl.post(&release, json!({})).await.expect(201);
}

#[actix_web::test]
async fn reviewers_are_reminded_once_before_a_review_is_due() {
    let stage = Stage::new(json!({ "due_at": "2026-03-22T09:00:00Z" })).await;
    let (founder, rita, remy) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
        reviewer(&stage.world, "Remy").await,
    );
    let (_, application) = stage.application(&founder, "Sangalux").await;
    stage.assigned(&application, &rita).await;
    let done = stage.assigned(&application, &remy).await;
    stage.submit(&remy, &done, 3, 3).await;
    let reminders = async || {
        let letters = stage.world.mails().await;
        let due = letters
            .iter()
            .filter(|one| one.subject.contains("due soon"));
        due.map(|one| one.to.clone()).collect::<Vec<_>>()
    };
    stage.world.pass(chrono::Duration::days(16));
    assert_eq!(reminders().await, [""; 0]);
    stage.world.pass(chrono::Duration::days(1));
    assert_eq!(reminders().await, ["rita@example.org"]);
    stage.world.pass(chrono::Duration::days(9));
    assert_eq!(reminders().await, ["rita@example.org"]);
}

#[actix_web::test]
async fn others_scores_are_read_after_one_s_own_and_only_where_the_call_lets() {
    let stage = Stage::new(json!({ "scores_shared": true })).await;
    let (founder, rita, remy) = (
        stage.world.founder("Ada").await,
        reviewer(&stage.world, "Rita").await,
        reviewer(&stage.world, "Remy").await,
    );
    let (_, application) = stage.application(&founder, "Sangalux").await;
    let (own, other) = (
        stage.assigned(&application, &rita).await,
        stage.assigned(&application, &remy).await,
    );
    stage.submit(&remy, &other, 2, 2).await;
    let path = format!("/v1/reviews/{own}/peers");
    rita.get(&path).await.refused(403, "not-allowed");
    stage.submit(&rita, &own, 4, 4).await;
    let peers = rita.get(&path).await.expect(200);
    assert_eq!(
        peers.json()["data"][0]["scores"],
        json!({ "need": 2.0, "team": 2.0 })
    );
    assert!(
        !peers.text.contains(&remy.id) && !peers.text.contains("Hm"),
        "{}",
        peers.text
    );
    remy.get(&path).await.refused(404, "not-found");
    let rubric_path = format!("/v1/calls/{}/rubric", stage.call);
    put(&stage.admin, &rubric_path, rubric(json!({})))
        .await
        .expect(200);
    rita.get(&path).await.refused(403, "not-allowed");
}
