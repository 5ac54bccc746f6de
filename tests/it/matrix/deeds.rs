//! One real deed for each operation that the matrix otherwise only sees refused: the requests are good ones.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::operations::forms::{back, one_question};
use super::operations::network::{call, cohort};
use super::world::{Stage, address};
use crate::support::world::{PASSWORD, new_project};
use crate::support::{Answer, Letter};

const NEW_PASSWORD: &str = "another dozen letters";

/// Does them all; gives the ids of the operations.
pub async fn all(stage: &Stage) -> BTreeSet<&'static str> {
    let mut deeds = Deeds {
        stage,
        done: BTreeSet::new(),
    };
    deeds.mailboxes().await;
    deeds.own_things().await;
    deeds.network().await;
    deeds.projects().await;
    deeds.gateway().await;
    deeds.reviews().await;
    deeds.applications().await;
    deeds.team().await;
    deeds.decisions().await;
    deeds.done
}

struct Deeds<'a> {
    stage: &'a Stage,
    done: BTreeSet<&'static str>,
}

impl Deeds<'_> {
    async fn one(
        &mut self,
        id: &'static str,
        who: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Answer {
        let client = match who {
            "stranger" => self.stage.world.stranger.clone(),
            name => self.stage.client(name),
        };
        let ask = client.ask(method, path).header("If-Match", "*");
        let answer = ask.json(&body).send().await;
        assert!(answer.status.is_success(), "{id}: {}", answer.text);
        self.done.insert(id);
        answer
    }

    async fn post(&mut self, id: &'static str, who: &str, path: &str, body: Value) -> Answer {
        self.one(id, who, Method::POST, path, body).await
    }

    async fn patch(&mut self, id: &'static str, who: &str, path: &str, body: Value) {
        self.one(id, who, Method::PATCH, path, body).await;
    }

    /// The last code in somebody's mailbox.
    async fn code(&self, person: &str) -> String {
        let letters = self.stage.world.mails().await;
        let own = letters.iter().rfind(|letter| letter.to == address(person));
        own.map(Letter::code).expect("a mail with a code")
    }

    async fn mailboxes(&mut self) {
        let body = json!({ "token": self.code("una").await });
        let path = "/v1/accounts/verify";
        self.post("verify_mailbox", "stranger", path, body).await;
        let path = "/v1/accounts/password-reset";
        let body = json!({ "email": address("sita") });
        self.post("forget_password", "stranger", path, body).await;
        let body = json!({ "token": self.code("sita").await, "password": NEW_PASSWORD });
        let path = "/v1/accounts/password";
        self.post("reset_password", "stranger", path, body).await;
    }

    async fn own_things(&mut self) {
        let zone = json!({ "time_zone": "Europe/Paris" });
        self.patch("change_me", "rev", "/v1/me", zone).await;
        let body = json!({ "email": address("rev"), "password": PASSWORD });
        let pair = self.post("sign_in", "stranger", "/v1/sessions", body).await;
        let body = json!({ "refresh_token": pair.text_at("/refresh_token") });
        let path = "/v1/sessions/refresh";
        self.post("refresh_session", "stranger", path, body).await;
        let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        let path = "/v1/me/password";
        self.one("change_password", "rev", Method::PUT, path, body)
            .await;
        let path = format!("/v1/me/notifications/{}", self.stage.id("message to ada"));
        let read = json!({ "read": true });
        self.patch("change_notification", "ada", &path, read).await;
    }

    async fn network(&mut self) {
        let known = |name: &str| self.stage.id(name);
        let (old_cohort, old_call) = (known("c1"), known("k1"));
        self.post("create_cohort", "adam", "/v1/cohorts", cohort("c9"))
            .await;
        let path = format!("/v1/cohorts/{old_cohort}");
        self.patch("change_cohort", "adam", &path, cohort("c1"))
            .await;
        self.post("create_call", "adam", "/v1/calls", call("k9", "c9"))
            .await;
        let path = format!("/v1/calls/{old_call}");
        self.patch("change_call", "adam", &path, call("k1", "c1"))
            .await;
    }

    async fn projects(&mut self) {
        let new = new_project("New");
        let made = self
            .post("create_project", "eve", "/v1/projects", new)
            .await;
        let path = format!("/v1/projects/{}", made.text_at("/id"));
        let change = json!({ "title": "Newer" });
        self.patch("change_project", "eve", &path, change).await;
        let coach = self.stage.id("forma");
        let body = json!({ "account_id": coach, "role": "coach", "kind": "lead" });
        let assignments = format!("{path}/assignments");
        let assigned = self.post("assign_person", "carl", &assignments, body).await;
        let assignment = format!("{assignments}/{}", assigned.text_at("/id"));
        self.coaching(&path, &assignment).await;
        let cohort = self.stage.id("c2");
        let enter = json!({ "kind": "enter", "to": "test", "reason": "R", "cohort_id": cohort });
        let steps = format!("{path}/transitions");
        self.post("move_project", "carl", &steps, enter).await;
        let (project, open) = (self.stage.id("pa"), self.stage.id("open milestone of pa"));
        let path = format!("/v1/projects/{project}/milestones/{open}");
        let done = json!({ "done": true });
        self.patch("change_milestone", "ed", &path, done).await;
    }

    async fn coaching(&mut self, project: &str, assignment: &str) {
        let budget = json!({ "hours_budget": 9 });
        self.patch("change_assignment", "carl", assignment, budget)
            .await;
        let sessions = format!("{project}/coaching-sessions");
        let body =
            json!({ "starts_at": "2026-04-01T09:00:00Z", "planned_minutes": 30, "agenda": "A" });
        let booked = self
            .post("book_coaching_session", "forma", &sessions, body)
            .await;
        let session = format!("{sessions}/{}", booked.text_at("/id"));
        let agenda = json!({ "agenda": "B" });
        self.patch("change_coaching_session", "forma", &session, agenda)
            .await;
    }

    async fn gateway(&mut self) {
        let (call, application) = (self.stage.id("k3"), self.stage.id("ad"));
        let path = format!("/v1/calls/{call}/eligibility");
        let rules = json!({ "team_at_least": 1 });
        self.one("set_eligibility_rules", "adam", Method::PUT, &path, rules)
            .await;
        let path = format!("/v1/calls/{call}/late-entry-codes");
        let body = json!({ "reason": "R", "expires_in_days": 3 });
        let made = self
            .post("create_late_entry_code", "adam", &path, body)
            .await;
        let path = format!("/v1/applications/{application}");
        let code = json!({ "code": made.text_at("/key") });
        self.post("enter_late", "dan", &format!("{path}/late-entry"), code)
            .await;
        let waived = json!({ "code": "sector-out-of-scope", "reason": "R" });
        let overrides = format!("{path}/overrides");
        self.post("override_rule", "cora", &overrides, waived).await;
        for (id, said) in [
            ("refuse_routing", "refusal"),
            ("consent_to_routing", "consent"),
        ] {
            let body = json!({ "call_id": self.stage.id("k1"), "reason": "R" });
            let routings = format!("{path}/routings");
            let made = self.post("propose_routing", "cora", &routings, body).await;
            let answer = format!("/v1/routings/{}/{said}", made.text_at("/id"));
            self.post(id, "dan", &answer, json!({})).await;
        }
    }

    async fn applications(&mut self) {
        let (project, call) = (self.stage.id("pc"), self.stage.id("k2"));
        let body = json!({ "project_id": project, "call_id": call, "answers": {} });
        let path = "/v1/applications";
        let made = self.post("create_application", "cleo", path, body).await;
        let path = format!("/v1/applications/{}", made.text_at("/id"));
        let change = json!({ "answers": { "need": "other" } });
        self.patch("change_application", "cleo", &path, change)
            .await;
        for (id, who, action, body) in [
            (
                "override_scope",
                "carl",
                "scope-override",
                json!({ "reason": "R" }),
            ),
            ("submit_application", "cleo", "submit", json!({})),
            ("withdraw_application", "cleo", "withdrawal", json!({})),
        ] {
            self.post(id, who, &format!("{path}/{action}"), body).await;
        }
        self.gate().await;
        let path = format!("/v1/applications/{}/decision", self.stage.id("ac"));
        let decline = json!({ "outcome": "decline", "feedback": "No." });
        self.post("decide_application", "carl", &path, decline)
            .await;
    }

    async fn team(&mut self) {
        let project = format!("/v1/projects/{}", self.stage.id("pc"));
        let (path, email) = (format!("{project}/invitations"), address("eve"));
        // Mails of one moment have no order.
        self.stage.world.deliver().await;
        self.stage.world.pass(chrono::Duration::seconds(1));
        let body = json!({ "email": email, "role": "editor" });
        self.post("invite_member", "cleo", &path, body).await;
        let body = json!({ "token": self.code("eve").await });
        let path = "/v1/invitations/accept";
        self.post("accept_invitation", "eve", path, body).await;
    }

    /// Forms, and what comes before a review.
    async fn gate(&mut self) {
        let path = format!("/v1/calls/{}/form", self.stage.id("k1"));
        self.one("put_call_form", "adam", Method::PUT, &path, one_question())
            .await;
        let path = format!("/v1/applications/{}", self.stage.id("ac"));
        let tags = json!({ "tags": ["visit"] });
        let at = format!("{path}/tags");
        self.one("put_tags", "carl", Method::PUT, &at, tags).await;
        for (id, who, action, body) in [
            (
                "screen_application",
                "carl",
                "screening",
                json!({ "step": "start" }),
            ),
            ("return_application", "carl", "return", back()),
            ("submit_application", "cleo", "submit", json!({})),
        ] {
            self.post(id, who, &format!("{path}/{action}"), body).await;
        }
    }
    async fn decisions(&mut self) {
        let (call, application) = (self.stage.id("k1"), self.stage.id("ac"));
        let path = format!("/v1/calls/{call}/places");
        let set = json!({ "confirm_within_days": 7 });
        self.one("set_up_places", "adam", Method::PUT, &path, set)
            .await;
        let path = format!("/v1/releases/{}", self.stage.id("release of carl"));
        let later = json!({ "at": "2027-02-01T00:00:00Z" });
        self.patch("change_release", "carl", &path, later).await;
        self.one("cancel_release", "carl", Method::DELETE, &path, json!({}))
            .await;
        for (how, id) in [
            ("renunciation", "give_up_place"),
            ("confirmation", "confirm_place"),
        ] {
            self.offered(&application, &call).await;
            let places = self.stage.client("cleo").list("/v1/places").await;
            let open = places.iter().find(|one| one["state"] == "offered");
            let place = open.expect("a place")["id"].as_str().expect("an id");
            self.post(id, "cleo", &format!("/v1/places/{place}/{how}"), json!({}))
                .await;
        }
    }

    /// A place for an application whose last decision is taken back first.
    async fn offered(&mut self, application: &str, call: &str) {
        let path = format!("/v1/applications/{application}");
        let reason = json!({ "reason": "R" });
        self.post(
            "reverse_decision",
            "carl",
            &format!("{path}/reversal"),
            reason,
        )
        .await;
        let accept =
            json!({ "outcome": "accept", "cohort_id": self.stage.id("c1"), "pillar": "test" });
        let staged = format!("{path}/staged-decision");
        let unstage = ("unstage_decision", Method::DELETE, json!({}));
        let stage = ("stage_decision", Method::PUT, accept);
        for (id, method, body) in [stage.clone(), unstage, stage] {
            self.one(id, "carl", method, &staged, body).await;
        }
        let path = format!("/v1/calls/{call}/releases");
        self.post("release_decisions", "carl", &path, json!({}))
            .await;
    }

    async fn put(&mut self, id: &'static str, who: &str, path: &str, body: Value) -> Answer {
        self.one(id, who, Method::PUT, path, body).await
    }

    async fn read(&mut self, id: &'static str, who: &str, path: &str) -> Answer {
        self.one(id, who, Method::GET, path, json!({})).await
    }

    async fn reviews(&mut self) {
        let call = format!("/v1/calls/{}", self.stage.id("k1"));
        let rubric =
            crate::reviews::rubric(json!({ "reviews_per_application": 1, "scores_shared": true }));
        self.put("put_rubric", "adam", &format!("{call}/rubric"), rubric)
            .await;
        self.read("show_rubric", "rev", &format!("{call}/rubric"))
            .await;
        let profile = json!({ "sectors": ["medtech"], "languages": ["en"], "max_load": 9 });
        let path = "/v1/me/reviewer-profile";
        self.put("put_own_reviewer_profile", "rev", path, profile.clone())
            .await;
        self.read("show_own_reviewer_profile", "rev", path).await;
        let path = format!("/v1/accounts/{}/reviewer-profile", self.stage.id("rev"));
        self.put("put_reviewer_profile", "carl", &path, profile)
            .await;
        self.read("show_reviewer_profile", "carl", &path).await;
        self.plan_of_reviews(&call).await;
        self.review_by_hand().await;
        self.committee(&call).await;
        self.conflict().await;
    }

    async fn plan_of_reviews(&mut self, call: &str) {
        let path = format!("{call}/review-plans");
        let plan = self
            .post("make_review_plan", "adam", &path, json!({}))
            .await;
        let path = format!("/v1/review-plans/{}", plan.text_at("/id"));
        self.read("show_review_plan", "adam", &path).await;
        self.post(
            "apply_review_plan",
            "adam",
            &format!("{path}/application"),
            json!({}),
        )
        .await;
        for review in self.stage.client("adam").list("/v1/reviews").await {
            let path = format!("/v1/reviews/{}", review["id"].as_str().unwrap_or_default());
            self.one("withdraw_review", "adam", Method::DELETE, &path, json!({}))
                .await;
        }
    }

    async fn review_by_hand(&mut self) {
        let grants = format!("/v1/accounts/{}/grants", self.stage.id("kim"));
        let role = json!({ "role": "reviewer", "scope": { "kind": "network" } });
        self.stage.post("adam", &grants, role).await;
        let application = format!("/v1/applications/{}", self.stage.id("ac"));
        let mut given = Vec::new();
        for name in ["rev", "kim"] {
            let body = json!({ "account_id": self.stage.id(name) });
            let path = format!("{application}/reviews");
            let made = self.post("assign_reviewer", "carl", &path, body).await;
            given.push(format!("/v1/reviews/{}", made.text_at("/id")));
        }
        let decline = json!({ "reason": "No time" });
        self.post(
            "decline_review",
            "kim",
            &format!("{}/decline", given[1]),
            decline,
        )
        .await;
        let review = given[0].clone();
        let draft = json!({ "scores": { "need": 4, "team": 2 }, "recommendation": "accept" });
        self.put("draft_review", "rev", &review, draft).await;
        self.post(
            "submit_review",
            "rev",
            &format!("{review}/submission"),
            json!({}),
        )
        .await;
        self.read("show_review", "carl", &review).await;
        self.read("list_peer_reviews", "rev", &format!("{review}/peers"))
            .await;
    }

    async fn committee(&mut self, call: &str) {
        let application = format!("/v1/applications/{}", self.stage.id("ac"));
        let members = json!([{ "account_id": self.stage.id("carl"), "region": "BE1" }]);
        let committee = json!({ "members": members, "needed_per_region": 0 });
        self.put(
            "put_committee",
            "adam",
            &format!("{call}/committee"),
            committee,
        )
        .await;
        self.read("show_committee", "carl", &format!("{call}/committee"))
            .await;
        let vote = json!({ "vote": "for" });
        self.put(
            "vote_on_application",
            "carl",
            &format!("{application}/vote"),
            vote,
        )
        .await;
    }

    async fn conflict(&mut self) {
        let conflict = json!({ "account_id": self.stage.id("rev"), "project_id": self.stage.id("pc"), "note": "Cousins" });
        let noted = self
            .post("note_conflict", "carl", "/v1/conflicts", conflict)
            .await;
        let path = format!("/v1/conflicts/{}", noted.text_at("/id"));
        self.read("show_conflict", "rev", &path).await;
        let reason = json!({ "reason": "No cousins" });
        self.post("end_conflict", "carl", &format!("{path}/end"), reason)
            .await;
    }
}
