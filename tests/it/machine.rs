//! The application's states against a small model: whatever people do, in whatever order, both agree.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::forms::{form, question, write};
use crate::support::world::World;
use crate::support::{Answer, Client};

const CASES: usize = 40;

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// The founder changes the answer that returns open, or the other one.
    Answer(&'static str),
    AnswerOnBehalf,
    Submit,
    Start,
    Pass,
    FinishWithReturn,
    SendBack,
    Decide(&'static str),
    Withdraw,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let one = prop_oneof![
        2 => Just(Deed::Answer("need")),
        1 => Just(Deed::Answer("team")),
        1 => Just(Deed::AnswerOnBehalf),
        5 => Just(Deed::Submit),
        4 => Just(Deed::Start),
        2 => Just(Deed::Pass),
        2 => Just(Deed::FinishWithReturn),
        2 => Just(Deed::SendBack),
        1 => prop_oneof![Just(Deed::Decide("waitlist")), Just(Deed::Decide("decline")), Just(Deed::Decide("accept"))],
        1 => Just(Deed::Withdraw),
    ];
    prop::collection::vec(one, 1..16)
}

/// The states as DOMAIN has them, on half a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    state: &'static str,
    /// Where what was returned goes on.
    from: Option<&'static str>,
    receipts: usize,
    returns: usize,
    screenings: usize,
    /// Whether a screening has begun and not ended.
    looking: bool,
    version: i64,
}

impl Model {
    fn new() -> Self {
        Self {
            state: "draft",
            from: None,
            receipts: 0,
            returns: 0,
            screenings: 0,
            looking: false,
            version: 1,
        }
    }

    /// Does it, or says with which status it is refused.
    fn act(&mut self, deed: Deed) -> Result<(), u16> {
        let lies_with_staff = ["submitted", "screening", "in_review"].contains(&self.state);
        let at = self.state;
        match deed {
            Deed::Answer(_) if at == "draft" => {}
            Deed::Answer(key) if at == "returned" => {
                if key != "need" {
                    return Err(422);
                }
            }
            Deed::AnswerOnBehalf if lies_with_staff || ["draft", "returned"].contains(&at) => {}
            Deed::Submit if at == "draft" => {
                self.state = "submitted";
                self.receipts += 1;
            }
            Deed::Submit if at == "returned" => {
                self.state = self.from.take().expect("where it was");
                self.receipts += 1;
            }
            Deed::Start if at == "submitted" => {
                self.state = "screening";
                self.screenings += 1;
                self.looking = true;
            }
            Deed::Pass if at == "screening" => {
                self.end_look();
                self.state = "in_review";
            }
            Deed::FinishWithReturn if at == "screening" => self.send_back(),
            Deed::SendBack if lies_with_staff => self.send_back(),
            Deed::Decide(outcome) if lies_with_staff || at == "waitlisted" => {
                self.state = match outcome {
                    "accept" => "accepted",
                    "waitlist" => "waitlisted",
                    _ => "declined",
                };
            }
            Deed::Withdraw if lies_with_staff || ["draft", "returned"].contains(&at) => {
                self.state = "withdrawn";
                self.from = None;
            }
            _ => return Err(409),
        }
        self.version += 1;
        Ok(())
    }

    /// What came again after a return has a look of its own, which begins with its end.
    fn end_look(&mut self) {
        self.screenings += usize::from(!self.looking);
        self.looking = false;
    }

    fn send_back(&mut self) {
        if self.state == "screening" {
            self.end_look();
        }
        self.from = Some(self.state);
        self.state = "returned";
        self.returns += 1;
    }
}

struct Scene {
    world: World,
    ada: Client,
    carl: Client,
    call: String,
    cohort: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (intake, cohort) = world.open_call(1000, &[]).await;
        let text = |key: &str| question(key, "short_text", json!({}));
        write(&world, &intake, form(&[text("need"), text("team")])).await;
        let (ada, carl) = (
            world.founder("Ada").await,
            world.coordinator("Carl", "BE1").await,
        );
        Self {
            world,
            ada,
            carl,
            call: intake,
            cohort,
        }
    }

    async fn act(&self, path: &str, deed: Deed) -> Answer {
        let (ada, carl) = (&self.ada, &self.carl);
        let back = json!({ "fields": ["/answers/need"], "message": "More.", "reasons": ["other"] });
        let (client, what, body) = match deed {
            Deed::Answer(key) => {
                let body = json!({ "answers": { key: "More" } });
                return ada.patch(path, "*", body).await;
            }
            Deed::AnswerOnBehalf => {
                let body = json!({ "answers": { "team": "Ten" } });
                return carl.patch(path, "*", body).await;
            }
            Deed::Submit => (ada, "submit", json!({})),
            Deed::Start => (carl, "screening", json!({ "step": "start" })),
            Deed::Pass => (
                carl,
                "screening",
                json!({ "step": "finish", "result": "pass" }),
            ),
            Deed::FinishWithReturn => {
                let mut finish = back;
                finish["step"] = "finish".into();
                finish["result"] = "return".into();
                (carl, "screening", finish)
            }
            Deed::SendBack => (carl, "return", back),
            Deed::Decide("accept") => (
                carl,
                "decision",
                json!({ "outcome": "accept", "cohort_id": self.cohort, "pillar": "test" }),
            ),
            Deed::Decide(outcome) => (carl, "decision", json!({ "outcome": outcome })),
            Deed::Withdraw => (ada, "withdrawal", json!({})),
        };
        client.post_seen(&format!("{path}/{what}"), body).await
    }

    /// Plays it on an application of its own; says where the program and the model part.
    async fn play(&self, deeds: &[Deed]) -> Result<(), String> {
        let project = self.world.project(&self.ada, "Sangalux").await;
        let body = json!({ "project_id": project, "call_id": self.call, "answers": {} });
        let made = self.ada.post("/v1/applications", body).await.expect(201);
        let path = format!("/v1/applications/{}", made.text_at("/id"));
        let mut model = Model::new();
        let mut first = Value::Null;
        for (number, deed) in deeds.iter().enumerate() {
            let expected = model.act(*deed).err().unwrap_or(200);
            let answer = self.act(&path, *deed).await;
            if answer.status != expected {
                let (status, text) = (answer.status, answer.text);
                return Err(format!(
                    "{number} {deed:?}: {status}, not {expected}: {text}"
                ));
            }
            let found = self.look(&path).await;
            if found != model {
                return Err(format!("{number} {deed:?}: {found:?}, not {model:?}"));
            }
            if model.receipts > 0 {
                let one = format!("{path}/receipt?number=1");
                let receipt = self.ada.get(&one).await.expect(200).json();
                if !first.is_null() && receipt != first {
                    return Err(format!("{number} {deed:?}: the first receipt has changed"));
                }
                first = receipt;
            }
        }
        Ok(())
    }

    async fn look(&self, path: &str) -> Model {
        let read = self.ada.get(path).await.expect(200).json();
        let returns = self.ada.list(&format!("{path}/returns")).await;
        let open = returns.iter().find(|one| one["closed_at"].is_null());
        let word = |value: &Value| {
            let known = [
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
            known.into_iter().find(|word| value == word)
        };
        let looks = self.carl.list(&format!("{path}/screenings")).await;
        Model {
            state: word(&read["state"]).expect("a state"),
            from: open.and_then(|one| word(&one["from_state"])),
            receipts: self.ada.list(&format!("{path}/receipts")).await.len(),
            returns: returns.len(),
            screenings: looks.len(),
            looking: looks.iter().any(|look| look["finished_at"].is_null()),
            version: read["version"].as_i64().expect("a version"),
        }
    }
}

#[actix_web::test]
async fn whatever_people_do_the_states_are_those_of_the_model() {
    let scene = Scene::new().await;
    let mut runner = TestRunner::default();
    for _ in 0..CASES {
        scene.world.pass(chrono::Duration::seconds(90)); // Refusals are written down up to so many in a minute.
        let mut tree = deeds().new_tree(&mut runner).expect("deeds");
        let Err(mut why) = scene.play(&tree.current()).await else {
            continue;
        };
        // The shortest story that goes wrong.
        let mut shortest = tree.current();
        while tree.simplify() {
            loop {
                match scene.play(&tree.current()).await {
                    Err(again) => {
                        (why, shortest) = (again, tree.current());
                        break;
                    }
                    Ok(()) if tree.complicate() => {}
                    Ok(()) => break,
                }
            }
        }
        panic!("{shortest:?}: {why}");
    }
}
