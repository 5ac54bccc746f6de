//! Decisions before and after their release; places, the waiting list, and one command for many.

use std::collections::BTreeSet;

use chrono::Duration;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, World, say, scaled};

/// Somebody of each kind, and a call whose places are confirmed within two weeks.
struct Round {
    world: World,
    admin: Client,
    carl: Client,
    ada: Client,
    call: String,
    cohort: String,
}

impl Round {
    async fn new(capacity: i32, quota: &[(&str, i32)]) -> Self {
        let world = World::new().await;
        let (call, cohort) = world.open_call(capacity, quota).await;
        let admin = world.admin().await;
        let coordinator = world.coordinator("Carl", "BE1").await;
        let ada = world.founder("Ada").await;
        let round = Self {
            world,
            admin,
            carl: coordinator,
            ada,
            call,
            cohort,
        };
        round
            .set(json!({ "confirm_within_days": 14, "reminder_days_before": [7, 2] }))
            .await;
        round
    }

    async fn set(&self, settings: Value) -> Answer {
        let ask = self
            .admin
            .ask(Method::PUT, &format!("/v1/calls/{}/places", self.call));
        let set = ask.header("If-Match", "*").json(&settings).send().await;
        set.expect(200)
    }

    /// A submitted application of Ada's, from where a postal code says.
    async fn applied(&self, title: &str, postal_code: &str) -> String {
        let project = self.world.project_at(&self.ada, title, postal_code).await;
        self.world.submitted(&self.ada, &project, &self.call).await
    }

    async fn many(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            ids.push(self.applied(&format!("Project {number}"), "1000").await);
        }
        ids
    }

    fn accept(&self) -> Value {
        json!({ "outcome": "accept", "cohort_id": self.cohort, "pillar": "test", "feedback": "Well done" })
    }

    fn wait(&self, rank: i32) -> Value {
        json!({ "outcome": "waitlist", "cohort_id": self.cohort, "pillar": "test", "rank": rank })
    }

    async fn stage(&self, application: &str, decision: Value) -> Answer {
        let path = format!("/v1/applications/{application}/staged-decision");
        let ask = self.admin.ask(Method::PUT, &path).header("If-Match", "*");
        ask.json(&decision).send().await.expect(200)
    }

    async fn release(&self, body: Value) -> Answer {
        let path = format!("/v1/calls/{}/releases", self.call);
        self.admin.post(&path, body).await
    }

    async fn state(&self, application: &str) -> String {
        let path = format!("/v1/applications/{application}");
        self.ada.get(&path).await.expect(200).text_at("/state")
    }

    async fn places(&self, state: &str) -> Vec<Value> {
        self.ada.list(&format!("/v1/places?state={state}")).await
    }

    /// The open place of an application.
    async fn place_of(&self, application: &str) -> String {
        let places = self.places("offered").await;
        let own = places
            .iter()
            .find(|one| one["application_id"] == application);
        own.expect("a place")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    async fn answer(&self, place: &str, how: &str) -> Answer {
        let path = format!("/v1/places/{place}/{how}");
        self.ada.post_seen(&path, json!({})).await
    }

    /// How many letters to Ada have a subject that begins so.
    async fn told(&self, subject: &str) -> usize {
        let letters = self.world.mails().await;
        let own = letters.iter().filter(|one| one.to == "ada@example.org");
        own.filter(|one| one.subject.starts_with(subject)).count()
    }
}

/// How a confirmation is refused for want of room: for one reason, or for several.
const FULL: [&str; 3] = [
    "cohort-full",
    "region-quota-full",
    "transition-not-possible",
];

fn decline() -> Value {
    json!({ "outcome": "decline", "reasons": [{ "code": "market", "text": "Too small" }], "feedback": "Sorry" })
}

/// Everything that somebody of the project can read of it.
async fn read_all(who: &Client, application: &str, project: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        format!("/v1/applications/{application}"),
        format!("/v1/applications?project_id={project}"),
        format!("/v1/projects/{project}"),
        "/v1/events?after=0&limit=100".to_owned(),
        "/v1/me/notifications".to_owned(),
        "/v1/places".to_owned(),
        "/v1/calls".to_owned(),
    ] {
        let answer = who.get(&path).await.expect(200);
        seen.push(format!("{path} {} {}", answer.header("etag"), answer.text));
    }
    for hidden in ["/v1/staged-decisions", "/v1/decisions"] {
        seen.push(
            who.get(hidden)
                .await
                .refused(403, "not-allowed")
                .text_at("/code"),
        );
    }
    seen
}

#[actix_web::test]
async fn founders_see_nothing_of_a_decision_before_its_release() {
    let round = Round::new(5, &[]).await;
    let world = &round.world;
    let project = world.project(&round.ada, "Sangalux").await;
    let application = world.submitted(&round.ada, &project, &round.call).await;
    let coach = world.coach("Bea").await;
    let body = json!({ "account_id": coach.id, "role": "coach", "kind": "lead" });
    let path = format!("/v1/projects/{project}/assignments");
    round.carl.post(&path, body).await.expect(201);
    let letters = world.mails().await.len();
    let before = read_all(&round.ada, &application, &project).await;
    let events = coach.list("/v1/events?after=0").await;

    round.stage(&application, round.accept()).await;
    round.stage(&application, round.wait(3)).await;
    let path = format!("/v1/applications/{application}/staged-decision");
    let staged = round.carl.get(&path).await.expect(200);
    assert_eq!(staged.header("etag"), "\"2\"");
    assert_eq!(staged.json()["rank"], 3);
    let at = "2026-03-09T08:00:00Z";
    round.release(json!({ "at": at })).await.expect(201);
    let preview = format!("/v1/calls/{}/release-preview", round.call);
    round.admin.get(&preview).await.expect(200);
    let path = format!("/v1/applications/{application}/staged-decision");
    round.ada.get(&path).await.refused(403, "not-allowed");

    assert_eq!(world.mails().await.len(), letters);
    assert_eq!(read_all(&round.ada, &application, &project).await, before);
    assert_eq!(coach.list("/v1/events?after=0").await, events);
    // Those who decide have it in the ledger.
    let told = round
        .carl
        .list("/v1/events?after=0&kind=decision.staged")
        .await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[1]["subject_id"], application);
    assert_eq!(told[1]["project_id"], Value::Null);
}

#[actix_web::test]
async fn a_staged_decision_is_changed_only_by_whoever_has_seen_it() {
    let round = Round::new(5, &[]).await;
    let application = round.applied("Sangalux", "1000").await;
    let path = format!("/v1/applications/{application}/staged-decision");
    round.carl.put(&path, decline()).await.expect(200);
    round
        .carl
        .put(&path, decline())
        .await
        .refused(428, "version-needed");
    let ask = round
        .carl
        .ask(Method::PUT, &path)
        .header("If-Match", "\"9\"");
    ask.json(&decline())
        .send()
        .await
        .refused(412, "stale-version");
    let ask = round
        .carl
        .ask(Method::PUT, &path)
        .header("If-Match", "\"1\"");
    let wrong = json!({ "outcome": "accept", "rank": 2, "cohort_id": uuid::Uuid::now_v7() });
    let refused = ask.json(&wrong).send().await.refused(422, "invalid");
    let pointers: Vec<_> = refused.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|one| one["pointer"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(pointers, ["/pillar", "/rank", "/cohort_id"]);
    let cora = round.world.coordinator("Cora", "BE2").await;
    cora.put(&path, decline()).await.refused(404, "not-found");
    assert_eq!(cora.list("/v1/staged-decisions").await.len(), 0);
    let of_call = format!(
        "/v1/staged-decisions?call_id={}&outcome=decline",
        round.call
    );
    assert_eq!(round.carl.list(&of_call).await.len(), 1);
    let ask = round
        .carl
        .ask(Method::DELETE, &path)
        .header("If-Match", "\"1\"");
    ask.send().await.expect(204);
    round.carl.get(&path).await.refused(404, "not-found");
    let draft = round.world.project(&round.ada, "Draft").await;
    let body = json!({ "project_id": draft, "call_id": round.call });
    let draft = round
        .ada
        .post("/v1/applications", body)
        .await
        .expect(201)
        .text_at("/id");
    let path = format!("/v1/applications/{draft}/staged-decision");
    round
        .carl
        .put(&path, decline())
        .await
        .refused(409, "not-submitted");
}

#[actix_web::test]
async fn the_preview_is_word_for_word_what_is_sent() {
    let round = Round::new(5, &[]).await;
    let ids = round.many(3).await;
    for (id, decision) in ids.iter().zip([round.accept(), round.wait(1), decline()]) {
        round.stage(id, decision).await;
    }
    let known = round.world.mails().await;
    let known: BTreeSet<String> = known.into_iter().map(|one| one.message_id).collect();
    let path = format!("/v1/calls/{}/release-preview", round.call);
    let rows = round.admin.list(&path).await;
    let leads_to: BTreeSet<_> = rows
        .iter()
        .map(|row| row["leads_to"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        leads_to,
        BTreeSet::from(["place_offered", "waits", "declined"])
    );
    let mut announced: Vec<(String, String)> = Vec::new();
    for row in &rows {
        assert_eq!(row["problems"], json!([]));
        for mail in row["mails"].as_array().expect("mails") {
            assert_eq!(
                (&mail["name"], &mail["language"]),
                (&json!("Ada"), &json!("fr"))
            );
            let text = |field: &str| mail[field].as_str().expect("a text").trim().to_owned();
            announced.push((text("subject"), text("text")));
        }
    }
    assert_eq!(announced.len(), 3);
    // Nothing of the rehearsal stays, not even a job.
    assert_eq!(round.world.mails().await.len(), known.len());
    assert_eq!(round.places("offered").await.len(), 0);
    let first = round
        .admin
        .get(&format!("{path}?limit=2"))
        .await
        .expect(200)
        .json();
    let next = first["next"].as_str().expect("a cursor");
    let last = round
        .admin
        .get(&format!("{path}?limit=2&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(
        last.json()["data"][0]["application_id"],
        rows[2]["application_id"]
    );

    let released = round.release(json!({})).await.expect(201);
    assert_eq!(released.json()["decided"], 3);
    let mut sent = round.world.mails().await;
    sent.retain(|one| !known.contains(&one.message_id));
    let normal = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let mut sent: Vec<_> = sent
        .iter()
        .map(|one| (one.subject.clone(), normal(&one.text)))
        .collect();
    // A place's mail holds its id, which a rehearsal cannot know.
    let plain = |all: &mut Vec<(String, String)>| {
        for (_, text) in all.iter_mut() {
            let lines = text.lines().filter(|line| !line.contains("/v1/places/"));
            *text = lines.collect::<Vec<_>>().join("\n");
        }
        all.sort();
    };
    plain(&mut sent);
    plain(&mut announced);
    assert_eq!(sent, announced);
    assert_eq!(round.state(&ids[1]).await, "waitlisted");
    assert_eq!(round.admin.list("/v1/staged-decisions").await.len(), 0);
    let decided = round.carl.list("/v1/decisions?outcome=decline").await;
    assert_eq!(decided[0]["reasons"][0]["code"], "market");
}

#[actix_web::test]
async fn a_release_without_room_is_refused_as_a_whole_with_every_reason() {
    let round = Round::new(2, &[("BE2", 0)]).await;
    let mut ids = Vec::new();
    for (title, code) in [("A", "1000"), ("B", "1000"), ("C", "2000"), ("D", "1000")] {
        let id = round.applied(title, code).await;
        round.stage(&id, round.accept()).await;
        ids.push(id);
    }
    let refused = round
        .release(json!({}))
        .await
        .refused(409, "release-refused");
    let errors = refused.json()["errors"].as_array().expect("errors").clone();
    let codes: BTreeSet<_> = errors
        .iter()
        .map(|one| one["code"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        codes,
        BTreeSet::from(["cohort-full", "region-quota-full"]),
        "{errors:?}"
    );
    for id in &ids {
        assert_eq!(round.state(id).await, "submitted");
    }
    let unknown = json!({ "application_ids": [ids[0], uuid::Uuid::now_v7()] });
    let refused = round.release(unknown).await.refused(422, "invalid");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/application_ids/1");
    round
        .release(json!({ "application_ids": [ids[0], ids[1]] }))
        .await
        .expect(201);
    // Open places are taken places.
    let path = format!("/v1/applications/{}/decision", ids[3]);
    round
        .carl
        .post_seen(&path, round.accept())
        .await
        .refused(409, "cohort-full");
    round
        .set(json!({ "confirm_within_days": 3, "offer_beyond_capacity": true }))
        .await;
    round.release(json!({})).await.expect(201);
    assert_eq!(round.places("offered").await.len(), 4);
    let mut entered = 0;
    for id in &ids {
        let place = round.place_of(id).await;
        let answer = round.answer(&place, "confirmation").await;
        if answer.status == 200 {
            entered += 1;
        } else {
            let code = answer.text_at("/code");
            assert!(FULL.contains(&code.as_str()), "{}", answer.text);
        }
    }
    assert_eq!(entered, 2);
}

#[actix_web::test]
async fn a_release_waits_for_its_time_and_can_be_moved_or_cancelled() {
    let round = Round::new(1, &[]).await;
    let ids = round.many(2).await;
    round.stage(&ids[0], decline()).await;
    let past = json!({ "at": "2026-03-02T08:59:00Z" });
    round.release(past).await.refused(422, "invalid");
    let made = round
        .release(json!({ "at": "2026-03-03T09:00:00Z" }))
        .await
        .expect(201);
    let path = format!("/v1/releases/{}", made.text_at("/id"));
    let later = json!({ "at": "2026-03-04T09:00:00Z" });
    round
        .carl
        .patch(&path, "*", later.clone())
        .await
        .refused(404, "not-found");
    round
        .admin
        .patch(&path, "\"9\"", later.clone())
        .await
        .refused(412, "stale-version");
    round.admin.patch(&path, "\"1\"", later).await.expect(200);
    round.world.pass(Duration::hours(30));
    round.world.deliver().await;
    assert_eq!(round.state(&ids[0]).await, "submitted");
    round.world.pass(Duration::hours(18));
    round.world.deliver().await;
    assert_eq!(round.state(&ids[0]).await, "declined");
    let of_call = format!("/v1/calls/{}/releases", round.call);
    let known = round.admin.list(&of_call).await;
    assert_eq!(
        (&known[0]["state"], &known[0]["decided"]),
        (&json!("released"), &json!(1))
    );
    round
        .admin
        .patch(&path, "*", json!({}))
        .await
        .refused(409, "release-not-scheduled");

    round.stage(&ids[1], round.accept()).await;
    let tomorrow = json!({ "at": "2026-03-05T09:00:00Z" });
    let made = round.release(tomorrow.clone()).await.expect(201);
    let path = format!("/v1/releases/{}", made.text_at("/id"));
    let ask = round
        .admin
        .ask(Method::DELETE, &path)
        .header("If-Match", "*");
    assert_eq!(ask.send().await.expect(200).text_at("/state"), "cancelled");
    round.world.pass(Duration::minutes(1));
    // What no longer fits at its time is refused, and whoever set it hears of that.
    round.release(tomorrow).await.expect(201);
    let project = round.world.project(&round.ada, "Faster").await;
    let enter = json!({ "kind": "enter", "to": "test", "reason": "R", "cohort_id": round.cohort });
    let steps = format!("/v1/projects/{project}/transitions");
    round.carl.post_seen(&steps, enter).await.expect(201);
    round.world.pass(Duration::hours(48));
    let letters = round.world.mails().await;
    assert!(
        letters
            .iter()
            .any(|one| one.subject.starts_with("The release of decisions did not"))
    );
    let known = round.admin.list(&of_call).await;
    assert_eq!(known[0]["state"], "refused");
    assert_eq!(known[0]["problems"][1]["code"], "cohort-full");
    assert_eq!(round.state(&ids[1]).await, "submitted");
}

#[actix_web::test]
async fn a_place_is_confirmed_or_expires_and_the_list_moves_by_rank_and_region() {
    let round = Round::new(2, &[("BE2", 1)]).await;
    let mut ids = Vec::new();
    for (title, code, decision) in [
        ("Brussels", "1000", round.accept()),
        ("Antwerp", "2000", round.accept()),
        ("Third", "1000", round.wait(30)),
        ("First", "2000", round.wait(10)),
        ("Second", "1000", round.wait(20)),
    ] {
        let id = round.applied(title, code).await;
        round.stage(&id, decision).await;
        ids.push(id);
    }
    round.release(json!({})).await.expect(201);
    assert_eq!(round.told("Une place pour votre projet").await, 2);
    let (brussels, antwerp) = (round.place_of(&ids[0]).await, round.place_of(&ids[1]).await);
    let eve = round.world.founder("Eve").await;
    let path = format!("/v1/places/{brussels}/confirmation");
    eve.post_seen(&path, json!({}))
        .await
        .refused(404, "not-found");
    round
        .carl
        .post_seen(&path, json!({}))
        .await
        .refused(403, "not-allowed");
    let confirmed = round.answer(&antwerp, "confirmation").await.expect(200);
    assert_eq!(confirmed.text_at("/state"), "confirmed");
    round
        .answer(&antwerp, "confirmation")
        .await
        .refused(409, "place-not-open");
    // Each reminder comes once, however often somebody looks, on however many instances.
    let (other, _) = round.world.second_instance();
    for days in [6, 1, 1, 4, 1] {
        round.world.pass(Duration::days(days));
        round.world.deliver().await;
        colonnade::jobs::drain(&other)
            .await
            .expect("the other worker");
    }
    assert_eq!(round.told("Veuillez confirmer la place").await, 2);
    // The quota of BE2 is used up, so the first on the list is passed over.
    round.world.pass(Duration::days(2));
    assert_eq!(round.told("La place a expiré").await, 1);
    round
        .answer(&brussels, "confirmation")
        .await
        .refused(409, "place-not-open");
    let open = round.places("offered").await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["application_id"], ids[4]);
    assert_eq!(round.state(&ids[4]).await, "accepted");
    assert_eq!(round.state(&ids[3]).await, "waitlisted");
    assert_eq!(round.told("Une place pour votre projet").await, 3);
    let second = round.place_of(&ids[4]).await;
    round.answer(&second, "renunciation").await.expect(200);
    let third = round.place_of(&ids[2]).await;
    round.answer(&third, "confirmation").await.expect(200);
    let moved = round
        .admin
        .list("/v1/events?after=0&kind=application.accepted")
        .await;
    let by: Vec<_> = moved
        .iter()
        .map(|one| one["actor_kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(by, ["account", "account", "system", "system"]);
    round.world.deliver().await;
    assert_eq!(round.world.count("projects WHERE cohort_id IS NOT NULL"), 2);
    let figures = format!("/v1/cohorts/{}/dashboard", round.cohort);
    let figures = round.admin.get(&figures).await.expect(200).text;
    assert!(figures.contains("\"accepted\":4"), "{figures}");
}

#[actix_web::test]
async fn a_reversal_keeps_back_mail_that_has_not_left() {
    let round = Round::new(1, &[]).await;
    let ids = round.many(2).await;
    round.stage(&ids[0], round.accept()).await;
    round.stage(&ids[1], round.wait(1)).await;
    let before = round.told("").await;
    let database = &round.world.database;
    database.execute(
        "INSERT INTO held_work SELECT 'send_mail', 'waits', created_at FROM accounts LIMIT 1",
    );
    round.release(json!({})).await.expect(201);
    round.world.deliver().await;
    assert_eq!(
        round
            .ada
            .list("/v1/me/notifications?read=false")
            .await
            .len(),
        4
    );
    let path = format!("/v1/applications/{}/reversal", ids[0]);
    let eve = round.world.coordinator("Cora", "BE2").await;
    let body = json!({ "reason": "Mixed up", "then": decline() });
    eve.post_seen(&path, body.clone())
        .await
        .refused(404, "not-found");
    let reversed = round.carl.post_seen(&path, body).await.expect(200).json();
    assert_eq!(reversed["state"], "in_review");
    assert_eq!(
        (&reversed["feedback"], &reversed["cohort_id"]),
        (&Value::Null, &Value::Null)
    );
    let staged = format!("/v1/applications/{}/staged-decision", ids[0]);
    assert_eq!(
        round
            .carl
            .get(&staged)
            .await
            .expect(200)
            .text_at("/outcome"),
        "decline"
    );
    let history = format!("/v1/decisions?application_id={}", ids[0]);
    assert_eq!(
        round.carl.list(&history).await[0]["reversal_reason"],
        "Mixed up"
    );
    // The place went to the next on the list; of the first, nobody hears anything.
    assert_eq!(round.place_of(&ids[1]).await.len(), 36);
    assert_eq!(round.places("withdrawn").await.len(), 1);
    database.execute("DELETE FROM held_work");
    assert_eq!(round.told("").await, before + 2);
    assert_eq!(
        round.told("Une place pour votre projet : Project 0").await,
        0
    );
    assert_eq!(
        round.told("Une place pour votre projet : Project 1").await,
        1
    );
    assert_eq!(round.told("Décision retirée").await, 0);
    let superseded = round.admin.list("/v1/mails?state=superseded").await;
    assert_eq!(superseded.len(), 1);
    let unread = round.ada.list("/v1/me/notifications?read=false").await;
    let about = unread.iter().filter(|one| one["kind"] == "place.offered");
    assert_eq!(about.count(), 1, "{unread:?}");

    // Once it was told, the reversal is told as well.
    round.release(json!({})).await.expect(201);
    assert_eq!(
        round
            .told("Décision sur votre candidature : Project 0")
            .await,
        1
    );
    round
        .carl
        .post_seen(&path, json!({ "reason": "Again" }))
        .await
        .expect(200);
    assert_eq!(round.told("Décision retirée").await, 1);
    round
        .carl
        .post_seen(&path, json!({ "reason": "Again" }))
        .await
        .refused(409, "not-decided");
    let place = round.place_of(&ids[1]).await;
    round.answer(&place, "confirmation").await.expect(200);
    let path = format!("/v1/applications/{}/reversal", ids[1]);
    round
        .carl
        .post_seen(&path, json!({ "reason": "Late" }))
        .await
        .refused(409, "place-confirmed");
}

#[actix_web::test]
async fn many_confirm_at_once_and_capacity_and_quota_hold() {
    let many = scaled(110, 500);
    let round = Round::new(20, &[("BE1", 12)]).await;
    round
        .set(json!({ "confirm_within_days": 14, "offer_beyond_capacity": true }))
        .await;
    let mut ids = Vec::new();
    for number in 0..many {
        let code = if number % 2 == 0 { "1000" } else { "2000" };
        ids.push(round.applied(&format!("Project {number}"), code).await);
    }
    let accept = json!({ "kind": "stage", "decision": round.accept() });
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({ "command": accept, "items": items });
    let staged = round
        .admin
        .post("/v1/bulk/applications", body)
        .await
        .expect(200);
    assert_eq!(staged.json()["done"], many);
    let begun = std::time::Instant::now();
    round.release(json!({})).await.expect(201);
    say(&format!(
        "released {many} decisions in {} ms",
        begun.elapsed().as_millis()
    ));
    assert!(begun.elapsed().as_secs() < 8);
    let places = round
        .world
        .database
        .texts(if round.world.database.url.starts_with("sqlite") {
            "SELECT lower(hex(id)) AS t FROM places"
        } else {
            "SELECT id::text AS t FROM places"
        });
    assert_eq!(places.len(), many);
    let confirm = |place: &str| {
        let id = uuid::Uuid::parse_str(place).expect("an id").to_string();
        let (round, path) = (&round, format!("/v1/places/{id}/confirmation"));
        async move {
            loop {
                let answer = round.ada.post_seen(&path, json!({})).await;
                // Turned away because too much waits: asked again, as a browser would.
                if answer.status != 503 {
                    return answer;
                }
            }
        }
    };
    let answers = join_all(places.iter().map(|place| confirm(place))).await;
    let inside = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(inside, 20);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        let code = answer.text_at("/code");
        assert!(FULL.contains(&code.as_str()), "{}", answer.text);
    }
    assert_eq!(
        round.world.count("projects WHERE cohort_id IS NOT NULL"),
        20
    );
    let of_region = "projects WHERE cohort_id IS NOT NULL AND region = 'BE1'";
    assert!(round.world.count(of_region) <= 12);
    assert_eq!(round.world.count("places WHERE state = 'confirmed'"), 20);
}

#[actix_web::test]
async fn the_last_place_is_given_up_and_expires_at_once_and_goes_to_one() {
    let round = Round::new(1, &[]).await;
    let ids = round.many(3).await;
    round.stage(&ids[0], round.accept()).await;
    round.stage(&ids[1], round.wait(1)).await;
    round.stage(&ids[2], round.wait(2)).await;
    round.release(json!({})).await.expect(201);
    let place = round.place_of(&ids[0]).await;
    round.world.pass(Duration::days(14) - Duration::seconds(1));
    let (other, _) = round.world.second_instance();
    round.answer(&place, "renunciation").await.expect(200);
    round.world.pass(Duration::seconds(1));
    let ((), drained) =
        futures_util::future::join(round.world.deliver(), colonnade::jobs::drain(&other)).await;
    drained.expect("the other worker");
    let open = round.places("offered").await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["application_id"], ids[1]);
}

#[actix_web::test]
async fn a_list_is_done_one_by_one_and_a_dry_run_leaves_nothing() {
    let round = Round::new(1, &[]).await;
    let mut ids = round.many(3).await;
    let foreign = round.applied("Antwerp", "2000").await;
    ids.push(foreign);
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let bulk = async |body: Value| round.carl.post("/v1/bulk/applications", body).await;
    let stage = json!({ "kind": "stage", "decision": round.accept() });
    let statuses = |answer: &Answer| -> Vec<u64> {
        let results = answer.json()["results"]
            .as_array()
            .expect("results")
            .clone();
        results
            .iter()
            .map(|one| one["status"].as_u64().unwrap_or_default())
            .collect()
    };
    let before = round.world.count("events");
    let dry = bulk(json!({ "command": stage, "items": items, "dry_run": true }))
        .await
        .expect(200);
    assert_eq!(statuses(&dry), [200, 200, 200, 404]);
    assert_eq!(round.world.count("staged_decisions"), 0);
    assert_eq!(round.world.count("events"), before);
    let done = bulk(json!({ "command": stage, "items": items }))
        .await
        .expect(200);
    assert_eq!(statuses(&done), [200, 200, 200, 404]);
    assert_eq!(
        (&done.json()["done"], &done.json()["refused"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(round.world.count("staged_decisions"), 3);
    assert_eq!(
        round.world.count("events WHERE kind = 'attempt.refused'"),
        1
    );
    let versioned = json!([{ "id": ids[0], "version": 7 }, { "id": ids[1], "version": 1 }]);
    let stale = bulk(json!({ "command": stage, "items": versioned }))
        .await
        .expect(200);
    assert_eq!(statuses(&stale), [412, 200]);
    assert_eq!(stale.json()["results"][0]["code"], "stale-version");
    let release = json!({ "command": { "kind": "release" }, "items": items[..3] });
    let released = bulk(release.clone()).await.expect(200);
    assert_eq!(statuses(&released), [200, 409, 409]);
    let second = &released.json()["results"][1];
    assert_eq!(second["code"], "release-refused");
    assert_eq!(second["errors"][0]["code"], "cohort-full");
    let twice = json!({ "command": stage, "items": [items[0], items[1], items[0]] });
    let refused = bulk(twice).await.refused(422, "invalid");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/items/2/id");
    let ask = || {
        let ask = round.carl.ask(Method::POST, "/v1/bulk/applications");
        let body = json!({ "command": { "kind": "reverse", "reason": "R" }, "items": [items[0]] });
        ask.header("Idempotency-Key", "once").json(&body).send()
    };
    assert_eq!(statuses(&ask().await.expect(200)), [200]);
    let again = ask().await.expect(200);
    assert_eq!(statuses(&again), [200]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let decide = json!({ "kind": "decide", "decision": { "outcome": "decline" } });
    let decided = bulk(json!({ "command": decide, "items": items[..2] }))
        .await
        .expect(200);
    assert_eq!(statuses(&decided), [200, 200]);
    round
        .ada
        .post("/v1/bulk/applications", release)
        .await
        .refused(403, "not-allowed");
}

#[actix_web::test]
async fn what_staff_do_before_a_review_takes_lists_too() {
    let round = Round::new(2, &[]).await;
    let ids = round.many(2).await;
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let reviewer = crate::reviews::reviewer(&round.world, "Rita").await;
    for (command, status, code) in [
        (
            json!({ "kind": "screen", "screening": { "step": "start" } }),
            200,
            Value::Null,
        ),
        (
            json!({ "kind": "screen", "screening": { "step": "start" } }),
            409,
            json!("not-to-be-screened"),
        ),
        (
            json!({ "kind": "screen", "screening": { "step": "finish", "result": "pass", "reasons": ["complete"] } }),
            200,
            Value::Null,
        ),
        (
            json!({ "kind": "tag", "tags": ["site-visit"] }),
            204,
            Value::Null,
        ),
        (
            json!({ "kind": "assign", "account_id": reviewer.id }),
            409,
            json!("rubric-missing"),
        ),
        (
            json!({ "kind": "return", "back": { "fields": ["/answers/need"], "message": "Tell more.", "reasons": ["other"] } }),
            200,
            Value::Null,
        ),
    ] {
        let body = json!({ "command": command, "items": items });
        let done = round.carl.post("/v1/bulk/applications", body).await;
        let results = done.expect(200).json()["results"].clone();
        for result in results.as_array().expect("results") {
            assert_eq!(
                (&result["status"], &result["code"]),
                (&json!(status), &code),
                "{command}"
            );
        }
    }
    for id in &ids {
        let shown = round.carl.get(&format!("/v1/applications/{id}")).await;
        assert_eq!(shown.expect(200).json()["state"], "returned");
        let tags = round.carl.get(&format!("/v1/applications/{id}/tags")).await;
        assert_eq!(tags.expect(200).json()["tags"], json!(["site-visit"]));
    }
}

#[actix_web::test]
async fn a_call_without_settings_admits_at_once() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(2, &[]).await;
    let (ada, carl) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let path = format!("/v1/calls/{call}/places");
    carl.get(&path).await.refused(404, "not-found");
    carl.put(&path, json!({})).await.refused(403, "not-allowed");
    world.admitted(&ada, &carl, &call, &cohort, "Direct").await;
    let project = world.project(&ada, "Staged").await;
    let application = world.submitted(&ada, &project, &call).await;
    let body =
        json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "test", "feedback": "Yes" });
    let staged = format!("/v1/applications/{application}/staged-decision");
    carl.put(&staged, body).await.expect(200);
    carl.post(&format!("/v1/calls/{call}/releases"), json!({}))
        .await
        .expect(201);
    let project = ada
        .get(&format!("/v1/projects/{project}"))
        .await
        .expect(200);
    assert_eq!(project.text_at("/state"), "active");
    assert_eq!(world.count("places"), 0);
    let path = format!("/v1/applications/{application}/reversal");
    carl.post_seen(&path, json!({ "reason": "R" }))
        .await
        .refused(409, "place-confirmed");
    carl.post(&format!("/v1/calls/{call}/releases"), json!({}))
        .await
        .refused(409, "nothing-staged");
}
