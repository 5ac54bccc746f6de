//! Makes the facts real, through the API wherever it has a way.

use std::collections::BTreeMap;

use chrono::Duration;
use colonnade::auth::{Grant, Role, Scope};
use colonnade::events::REFUSALS;
use colonnade::lang::Lang;
use serde_json::{Value, json};

use super::facts::{COHORTS, KEYS, Key, PEOPLE, PROGRAMMES, PROJECTS, Person, Place, ProjectFact};
use super::oracle::{EventFact, Kind, Subject};
use crate::support::world::PASSWORD;
use crate::support::{Client, Setup, World};

/// Access tokens hold two days here, so that one can run out.
const TOKEN_MINUTES: i64 = 2 * 24 * 60;

/// The one of a sign-up that nobody confirms.
const UNA_PASSWORD: &str = "cnry-una-zonnebloem-twaalf";

/// The world, the ids of everything in it, and everybody who asks.
pub struct Stage {
    pub world: World,
    ids: BTreeMap<String, String>,
    clients: BTreeMap<String, Client>,
    pub asking: Vec<(Subject, Client)>,
    /// What nobody may read anywhere: tokens, codes, keys, the password.
    pub secrets: Vec<String>,
    /// The ledger as it was when everybody was there.
    pub events: Vec<(i64, EventFact)>,
}

/// What a field of an object holds.
pub fn canary(object: &str, field: &str) -> String {
    format!("cnry-{object}-{field}")
}

pub fn address(person: &str) -> String {
    format!("{}@example.org", canary(person, "email"))
}

impl Stage {
    pub async fn new() -> Self {
        let setup = Setup {
            smtp: None,
            adjust: Some(|config| config.auth.access_minutes = TOKEN_MINUTES),
        };
        let world = World::with(setup).await;
        let mut stage = Self {
            world,
            ids: BTreeMap::new(),
            clients: BTreeMap::new(),
            asking: Vec::new(),
            secrets: vec![PASSWORD.to_owned()],
            events: Vec::new(),
        };
        stage.the_past().await;
        stage.network().await;
        stage.people().await;
        stage.keys().await;
        stage.the_lost().await;
        for fact in PROJECTS {
            stage.project(fact).await;
        }
        stage.teams().await;
        super::story::tell(&mut stage).await;
        super::papers::hand_in(&mut stage).await;
        stage.mailboxes().await;
        stage.collect().await;
        stage.ledger().await;
        stage
    }

    /// The id of a named thing.
    pub fn id(&self, name: &str) -> String {
        self.ids
            .get(name)
            .unwrap_or_else(|| panic!("nothing is called {name}"))
            .clone()
    }

    pub fn keep(&mut self, name: &str, id: String) {
        self.ids.insert(name.to_owned(), id);
    }

    pub fn client(&self, name: &str) -> Client {
        self.clients
            .get(name)
            .unwrap_or_else(|| panic!("nobody is called {name}"))
            .clone()
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> crate::support::Answer {
        let answer = self.client(who).post_seen(path, body).await;
        assert!(answer.status.is_success(), "{who} {path}: {}", answer.text);
        answer
    }

    /// Those who were here before the rest: a token and a key that have run out since.
    async fn the_past(&mut self) {
        let admin = || {
            vec![Grant {
                role: Role::Admin,
                scope: Scope::Network,
            }]
        };
        let exa = self.account("exa", admin()).await;
        self.clients.insert("exa".into(), exa);
        self.key("exa", &KEYS[6], 1).await;
        self.world.pass(Duration::minutes(TOKEN_MINUTES + 60));
        let adam = self.account("adam", admin()).await;
        self.clients.insert("adam".into(), adam);
    }

    async fn account(&mut self, name: &str, grants: Vec<Grant>) -> Client {
        self.world.pass(Duration::seconds(1));
        let (email, shown) = (address(name), canary(name, "name"));
        let client = self.world.person_at(&email, &shown, Lang::En, grants).await;
        self.keep(name, client.id.clone());
        client
    }

    async fn network(&mut self) {
        for (cohort, call, programme) in COHORTS {
            let programme = PROGRAMMES[programme];
            let names = |object| {
                let name = canary(object, "name");
                json!({ "en": name, "nl": name, "fr": name, "de": name })
            };
            let body = json!({
                "slug": cohort, "programme": programme, "names": names(cohort), "capacity": 20,
                "starts_on": "2026-03-01", "ends_on": "2026-12-01", "quota": { "BE2": 10 },
            });
            let made = self.post("adam", "/v1/cohorts", body).await;
            self.keep(cohort, made.text_at("/id"));
            let body = json!({
                "slug": call, "programme": programme, "cohort": cohort, "names": names(call),
                "opens_at": "2026-02-01T00:00:00Z", "closes_at": "2026-06-01T00:00:00Z",
            });
            let made = self.post("adam", "/v1/calls", body).await;
            self.keep(call, made.text_at("/id"));
        }
        for path in ["/v1/programmes", "/v1/organisations"] {
            for row in self.client("adam").list(path).await {
                let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
                self.keep(&text("slug"), text("id"));
            }
        }
    }

    /// A place as the API writes it.
    pub fn scope(&self, place: Place) -> Value {
        match place {
            Place::Network => json!({ "kind": "network" }),
            Place::Region(region) => json!({ "kind": "region", "region": region }),
            Place::Organisation(slug) => json!({ "kind": "organisation", "id": self.id(slug) }),
            Place::Programme(slug) => json!({ "kind": "programme", "id": self.id(slug) }),
            Place::Cohort(name) => json!({ "kind": "cohort", "id": self.id(name) }),
            Place::Project(name) => json!({ "kind": "project", "id": self.id(name) }),
        }
    }

    async fn people(&mut self) {
        for person in PEOPLE {
            if !["adam", "exa"].contains(&person.name) {
                let client = self.account(person.name, Vec::new()).await;
                self.clients.insert(person.name.into(), client);
                for (role, place) in person.rights {
                    if !matches!(place, Place::Project(_)) {
                        self.give(person, role, *place).await;
                    }
                }
            }
        }
        let before = ("coordinator", Place::Region("BE1"));
        let dora = PEOPLE.iter().find(|one| one.name == "dora");
        self.give(dora.expect("dora"), before.0, before.1).await;
    }

    async fn give(&mut self, person: &Person, role: &str, place: Place) {
        let path = format!("/v1/accounts/{}/grants", self.id(person.name));
        let body = json!({ "role": role, "scope": self.scope(place) });
        let given = self.post("adam", &path, body).await;
        self.keep(&format!("grant {}", person.name), given.text_at("/id"));
    }

    async fn keys(&mut self) {
        for key in KEYS.iter().filter(|key| key.name != "kold") {
            self.key(key.maker, key, 300).await;
        }
        let path = format!("/v1/api-keys/{}", self.id("kgone"));
        self.client("carl").delete(&path).await.expect(204);
        let (account, grant) = (self.id("dora"), self.id("grant dora"));
        let path = format!("/v1/accounts/{account}/grants/{grant}");
        self.client("adam").delete(&path).await.expect(204);
    }

    async fn key(&mut self, maker: &str, key: &Key, days: i64) {
        let body = json!({
            "name": canary(key.name, "name"), "role": key.right.0, "scope": self.scope(key.right.1),
            "actions": key.actions, "expires_in_days": days,
        });
        let made = self.post(maker, "/v1/api-keys", body).await;
        self.keep(key.name, made.text_at("/id"));
        let secret = made.text_at("/key");
        self.clients
            .insert(key.name.into(), self.world.stranger.with_token(&secret, ""));
    }

    async fn project(&mut self, fact: &ProjectFact) {
        let body = json!({
            "title": canary(fact.name, "title"), "summary": canary(fact.name, "summary"),
            "website": format!("https://{}.example.org", canary(fact.name, "website")),
            "sector": "medtech", "country": fact.country, "postal_code": fact.postal_code, "language": "en",
        });
        let made = self.post(fact.owner, "/v1/projects", body).await;
        self.keep(fact.name, made.text_at("/id"));
        if fact.shared {
            let path = format!("/v1/projects/{}", made.text_at("/id"));
            let consent = json!({ "shared_with_partners": true });
            self.client(fact.owner)
                .patch(&path, "*", consent)
                .await
                .expect(200);
        }
    }

    /// Editors and viewers; an owner is whoever began the project.
    async fn teams(&mut self) {
        for person in PEOPLE {
            for (role, place) in person.rights {
                if matches!(place, Place::Project(_)) && *role != "owner" {
                    self.give(person, role, *place).await;
                }
            }
        }
    }

    /// Those whose token was good once.
    async fn the_lost(&mut self) {
        self.client("sol")
            .delete("/v1/sessions/current")
            .await
            .expect(204);
        let out = |change: &str, name: &str| {
            let email = address(name);
            format!("UPDATE accounts SET {change} WHERE email = '{email}'")
        };
        self.world
            .database
            .execute(&out("disabled_at = created_at", "dirk"));
        self.world
            .database
            .execute(&out("verified_at = NULL", "uma"));
    }

    /// A sign-up that was never confirmed, a code that ran out unsent, and everything else delivered.
    async fn mailboxes(&mut self) {
        let body = json!({
            "email": address("una"), "password": UNA_PASSWORD, "name": canary("una", "name"), "language": "en",
        });
        self.secrets.push(UNA_PASSWORD.into());
        self.world
            .stranger
            .post("/v1/accounts", body)
            .await
            .expect(201);
        self.secrets.extend(
            self.world
                .mails()
                .await
                .iter()
                .filter(|letter| letter.to == address("una"))
                .map(crate::support::Letter::code),
        );
        let forgotten = json!({ "email": address("eve") });
        let path = "/v1/accounts/password-reset";
        let database = &self.world.database;
        database.execute(
            "INSERT INTO held_work SELECT 'send_mail', 'waits', created_at FROM accounts LIMIT 1",
        );
        self.world.stranger.post(path, forgotten).await.expect(202);
        self.world.deliver().await;
        database.execute("DELETE FROM held_work");
        self.world.pass(Duration::hours(3));
        self.world.deliver().await;
        let dead = self.client("adam").list("/v1/mails?state=dead").await;
        self.keep(
            "dead mail",
            dead[0]["id"].as_str().unwrap_or_default().to_owned(),
        );
        let sent = self.client("adam").list("/v1/mails?state=sent").await;
        self.keep(
            "sent mail",
            sent[0]["id"].as_str().unwrap_or_default().to_owned(),
        );
        for row in self.client("adam").list("/v1/accounts").await {
            if row["email"] == address("una") {
                self.keep("una", row["id"].as_str().unwrap_or_default().to_owned());
            }
        }
    }

    /// The ledger as an admin reads it, all of it: what each row is about.
    async fn ledger(&mut self) {
        loop {
            let after = self.events.last().map_or(0, |(position, _)| *position);
            let path = format!("/v1/events?after={after}&limit=100");
            let page = self.client("adam").get(&path).await.expect(200).json();
            let rows = page["data"].as_array().cloned().unwrap_or_default();
            if rows.is_empty() {
                break;
            }
            let facts = rows.iter().map(|row| self.event(row)).collect::<Vec<_>>();
            self.events.extend(facts);
        }
        let all = self.world.count("events");
        assert_eq!(
            i64::try_from(self.events.len()),
            Ok(all),
            "an admin reads it all"
        );
    }

    fn event(&self, row: &Value) -> (i64, EventFact) {
        let text = |field: &str| row[field].as_str().map(ToOwned::to_owned);
        let project = text("project_id").and_then(|id| {
            let known = PROJECTS.iter().find(|fact| self.id(fact.name) == id);
            known.map(|fact| fact.name)
        });
        let account = text("subject_id").filter(|_| row["subject_kind"] == "account");
        let region = text("region");
        (
            row["position"].as_i64().unwrap_or_default(),
            EventFact {
                refusal: REFUSALS.contains(&row["kind"].as_str().unwrap_or_default()),
                project,
                region,
                account,
            },
        )
    }

    /// Everybody's account, by name.
    pub fn people_ids(&self) -> BTreeMap<&'static str, String> {
        PEOPLE
            .iter()
            .map(|person| (person.name, self.id(person.name)))
            .collect()
    }

    /// Everybody who asks, each with what they come with.
    async fn collect(&mut self) {
        let stranger = self.world.stranger.clone();
        let body = json!({ "email": address("eve"), "password": PASSWORD });
        let pair = stranger.post("/v1/sessions", body).await.expect(201);
        let refresh = pair.text_at("/refresh_token");
        self.secrets
            .extend([refresh.clone(), pair.text_at("/access_token")]);
        let garbage = stranger.with_token("garbage", "");
        let refresh = stranger.with_token(&refresh, "");
        let tokens = self
            .clients
            .values()
            .filter_map(|client| client.token.clone());
        self.secrets.extend(tokens);
        self.asking = vec![
            (Subject::plain("stranger", Kind::Stranger), stranger),
            (Subject::plain("garbage", Kind::Out), garbage),
            (Subject::plain("refresh", Kind::Out), refresh),
        ];
        for person in PEOPLE {
            let subject = Subject {
                rights: person.rights.to_vec(),
                works_for: person.works_for.to_vec(),
                coaches: person.coaches.to_vec(),
                ..Subject::plain(person.name, kind(person.standing, Kind::Person))
            };
            self.asking.push((subject, self.client(person.name)));
        }
        for key in KEYS {
            let subject = Subject {
                rights: vec![key.right],
                actions: key.actions.to_vec(),
                ..Subject::plain(key.name, kind(key.standing, Kind::Key))
            };
            self.asking.push((subject, self.client(key.name)));
        }
        // Each from a network of their own: what one asks for is not counted against the others.
        for (number, (_, client)) in self.asking.iter_mut().enumerate() {
            *client = client.at(&format!("198.51.100.{number}"));
        }
    }
}

fn kind(standing: super::facts::Standing, inside: Kind) -> Kind {
    match standing {
        super::facts::Standing::In => inside,
        super::facts::Standing::Out => Kind::Out,
    }
}
