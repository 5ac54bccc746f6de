//! Teams: invitations by mail, what each role may do, and that a project always has an owner.

use colonnade::lang::Lang;
use futures_util::future;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::world::{PASSWORD, new_project};
use crate::support::{Client, World};

const ACCEPT: &str = "/v1/invitations/accept";

struct Team {
    world: World,
    owner: Client,
    project: String,
    path: String,
}

async fn team() -> Team {
    let world = World::new().await;
    let owner = world.founder("Ada").await;
    let project = world.project(&owner, "Sangalux").await;
    let path = format!("/v1/projects/{project}/invitations");
    Team {
        world,
        owner,
        project,
        path,
    }
}

impl Team {
    async fn invite(&self, email: &str, role: &str) -> String {
        let body = json!({ "email": email, "role": role });
        let made = self.owner.post(&self.path, body).await.expect(201);
        made.text_at("/id")
    }

    /// The code in the last mail to an address.
    async fn code(&self, email: &str) -> String {
        let letters = self.world.mails().await;
        let own = letters.iter().rfind(|letter| letter.to == email);
        own.expect("a mail").code()
    }

    /// Somebody who has come by an invitation.
    async fn member(&self, name: &str, role: &str) -> Client {
        let client = self.world.founder(name).await;
        let email = format!("{}@example.org", name.to_lowercase());
        self.invite(&email, role).await;
        let body = json!({ "token": self.code(&email).await });
        client.post(ACCEPT, body).await.expect(200);
        client
    }

    async fn roles(&self) -> Vec<(String, String)> {
        let team = format!("/v1/projects/{}/team", self.project);
        let rows = self.owner.list(&team).await;
        let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let roles = rows
            .iter()
            .map(|row| (text(row, "name"), text(row, "role")));
        let mut roles: Vec<_> = roles.collect();
        roles.sort();
        roles
    }

    fn place(&self, of: &Client) -> String {
        format!("/v1/projects/{}/team/{}", self.project, of.id)
    }
}

fn newcomer(token: &str) -> Value {
    json!({ "token": token, "name": "Zoe Quirk", "password": PASSWORD, "language": "de" })
}

#[actix_web::test]
async fn an_invitation_proves_the_mailbox_of_somebody_new() {
    let team = team().await;
    let made = team
        .owner
        .post(
            &team.path,
            json!({ "email": "Zoe@Example.org ", "role": "editor", "language": "nl" }),
        )
        .await
        .expect(201);
    assert_eq!(made.text_at("/email"), "zoe@example.org");
    assert_eq!(made.text_at("/state"), "open");
    assert!(!made.text.contains("token"), "{}", made.text);
    let letters = team.world.mails().await;
    let letter = letters
        .iter()
        .find(|one| one.to == "zoe@example.org")
        .expect("a mail");
    assert_eq!(letter.language, "nl");
    assert!(
        letter.text.contains("Sangalux") && letter.text.contains("Ada"),
        "{}",
        letter.text
    );
    let token = letter.code();
    // Nobody signs in to it before.
    let credentials = json!({ "email": "zoe@example.org", "password": PASSWORD });
    let stranger = &team.world.stranger;
    let sign_in = stranger.post("/v1/sessions", credentials.clone()).await;
    sign_in.refused(401, "wrong-credentials");
    let half = stranger.post(ACCEPT, json!({ "token": token })).await;
    let missing = half.refused(422, "invalid").errors();
    let required = |at: &str| (at.to_owned(), "required".to_owned());
    assert_eq!(missing, [required("/name"), required("/password")]);
    let weak = json!({ "token": token, "name": "Zoe", "password": "aaaaaaaaaaaa" });
    stranger.post(ACCEPT, weak).await.refused(422, "invalid");

    let accepted = stranger.post(ACCEPT, newcomer(&token)).await.expect(200);
    assert_eq!(accepted.text_at("/role"), "editor");
    assert_eq!(accepted.text_at("/project_id"), team.project);
    let zoe = team.world.sign_in("zoe@example.org", PASSWORD, "").await;
    let me = zoe.get("/v1/me").await.expect(200).json();
    assert_eq!(
        (&me["name"], &me["language"]),
        (&json!("Zoe Quirk"), &json!("de"))
    );
    assert_ne!(me["verified_at"], Value::Null);
    let path = format!("/v1/projects/{}", team.project);
    zoe.patch(&path, "*", json!({ "title": "Sangalux 2" }))
        .await
        .expect(200);
    let rows = team.owner.list(&team.path).await;
    assert_eq!(rows[0]["state"], "accepted");
    assert_eq!(rows[0]["account_id"], me["id"]);
    // The owners hear of it, the one who came does not.
    let letters = team.world.mails().await;
    let told: Vec<_> = letters
        .iter()
        .filter(|one| one.text.contains("Zoe Quirk"))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].to, "ada@example.org");
    assert_eq!(told[0].language, "fr");
}

#[actix_web::test]
async fn a_code_holds_once_in_time_and_for_its_mailbox() {
    let team = team().await;
    let (bob, eve) = (
        team.world.founder("Bob").await,
        team.world.founder("Eve").await,
    );
    let wrong = async |client: &Client, token: &str| {
        let answer = client.post(ACCEPT, newcomer(token)).await;
        answer.refused(422, "code-not-valid");
    };
    wrong(&bob, "nonsense").await;
    let first = team.invite("bob@example.org", "viewer").await;
    let token = team.code("bob@example.org").await;
    // Another's mailbox, nobody's token, and a code for something else.
    eve.post(ACCEPT, newcomer(&token))
        .await
        .refused(403, "invitation-for-another");
    let stranger = &team.world.stranger;
    stranger
        .post(ACCEPT, newcomer(&token))
        .await
        .refused(409, "sign-in-to-accept");
    let verify = json!({ "token": token });
    stranger
        .post("/v1/accounts/verify", verify)
        .await
        .refused(422, "code-not-valid");
    // Withdrawn.
    let again = json!({ "email": "BOB@example.org", "role": "owner" });
    team.owner
        .post(&team.path, again)
        .await
        .refused(409, "already-invited");
    let one = format!("{}/{first}", team.path);
    team.owner.delete(&one).await.expect(204);
    team.owner.delete(&one).await.refused(404, "not-found");
    wrong(&bob, &token).await;
    // Run out.
    team.world.pass(chrono::Duration::seconds(1));
    team.invite("bob@example.org", "viewer").await;
    let token = team.code("bob@example.org").await;
    team.world.pass(chrono::Duration::days(14));
    wrong(&bob, &token).await;
    let states: Vec<Value> = team
        .owner
        .list(&team.path)
        .await
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["expired", "withdrawn"]);
    // Good, once: of many at the same time one is let in.
    team.invite("bob@example.org", "viewer").await;
    let token = team.code("bob@example.org").await;
    let many = (0..6).map(|_| bob.post(ACCEPT, json!({ "token": token })));
    let answers = future::join_all(many).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    assert_eq!(
        team.roles().await,
        [("Ada", "owner"), ("Bob", "viewer")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    wrong(&bob, &token).await;
    // Who is in the team already stays what they are.
    team.world.pass(chrono::Duration::hours(2));
    team.invite("bob@example.org", "owner").await;
    let token = team.code("bob@example.org").await;
    bob.post(ACCEPT, json!({ "token": token }))
        .await
        .refused(409, "already-in-team");
}

#[actix_web::test]
async fn an_inviter_who_owns_no_more_invites_nobody() {
    let team = team().await;
    let second = team.member("Bob", "owner").await;
    let eve = team.world.founder("Eve").await;
    let body = json!({ "email": "eve@example.org", "role": "owner" });
    second.post(&team.path, body).await.expect(201);
    let token = team.code("eve@example.org").await;
    team.owner
        .put(&team.place(&second), json!({ "role": "viewer" }))
        .await
        .expect(200);
    eve.post(ACCEPT, json!({ "token": token }))
        .await
        .refused(422, "code-not-valid");
}

#[actix_web::test]
async fn the_answer_and_the_work_are_the_same_for_every_address() {
    let team = team().await;
    team.world.founder("Bob").await;
    let shape = async |email: &str| {
        let before = team.world.count("jobs");
        let body = json!({ "email": email, "role": "viewer" });
        let mut made = team.owner.post(&team.path, body).await.expect(201).json();
        for field in ["id", "email"] {
            made[field] = Value::Null;
        }
        (
            made,
            team.world.count("jobs") - before,
            team.world.count("accounts"),
        )
    };
    let (known, unknown) = (
        shape("bob@example.org").await,
        shape("new@example.org").await,
    );
    assert_eq!(known, unknown);
}

#[actix_web::test]
async fn nobody_is_flooded_with_invitations() {
    let team = team().await;
    let mut projects = vec![team.path.clone()];
    for number in 0..5 {
        let project = team.world.project(&team.owner, &format!("P{number}")).await;
        projects.push(format!("/v1/projects/{project}/invitations"));
    }
    let body = json!({ "email": "zoe@example.org", "role": "viewer" });
    for path in &projects {
        team.owner.post(path, body.clone()).await.expect(201);
    }
    let letters = team.world.mails().await;
    let sent = letters
        .iter()
        .filter(|one| one.to == "zoe@example.org")
        .count();
    assert_eq!(sent, 3, "what is over is not sent, silently");
    let mut refused = None;
    for number in 0..40 {
        let body = json!({ "email": format!("a{number}@example.org"), "role": "viewer" });
        let answer = team.owner.post(&team.path, body).await;
        if answer.status != 201 {
            refused = Some(answer.refused(429, "too-many-requests"));
            break;
        }
    }
    assert!(!refused.expect("an end").header("retry-after").is_empty());
}

#[actix_web::test]
async fn a_mail_to_a_stranger_leads_nowhere_else() {
    let team = team().await;
    for (title, email) in [
        ("Win at https://evil.example", "a@example.org"),
        ("evil.example wins", "b@example.org"),
    ] {
        let project = team.world.project(&team.owner, title).await;
        let path = format!("/v1/projects/{project}/invitations");
        let body = json!({ "email": email, "role": "viewer" });
        team.owner.post(&path, body).await.expect(201);
        let letters = team.world.mails().await;
        let letter = letters.iter().rfind(|one| one.to == email).expect("a mail");
        assert!(
            !letter.text.contains("evil") && !letter.subject.contains("evil"),
            "{}",
            letter.text
        );
    }
}

#[actix_web::test]
async fn viewers_read_editors_write_owners_choose() {
    let team = team().await;
    let (editor, viewer) = (
        team.member("Ed", "editor").await,
        team.member("Vic", "viewer").await,
    );
    let outsider = team.world.founder("Eve").await;
    let project = format!("/v1/projects/{}", team.project);
    let ask = json!({ "email": "x@example.org", "role": "viewer" });
    for (who, client, reads, writes, chooses) in [
        ("owner", &team.owner, 200, 200, 201),
        ("editor", &editor, 200, 200, 403),
        ("viewer", &viewer, 200, 403, 403),
        ("outsider", &outsider, 404, 404, 404),
    ] {
        assert_eq!(client.get(&project).await.status, reads, "{who}");
        assert_eq!(
            client.get(&format!("{project}/team")).await.status,
            reads,
            "{who}"
        );
        let change = json!({ "title": format!("By {who}") });
        assert_eq!(
            client.patch(&project, "*", change).await.status,
            writes,
            "{who}"
        );
        assert_eq!(
            client.post(&team.path, ask.clone()).await.status,
            chooses,
            "{who}"
        );
        let listed = if chooses == 201 { 200 } else { chooses };
        assert_eq!(client.get(&team.path).await.status, listed, "{who} lists");
        let role = json!({ "role": "owner" });
        let put = client.put(&team.place(&viewer), role).await.status.as_u16();
        assert_eq!(
            put,
            if chooses == 201 { 200 } else { chooses },
            "{who} promotes"
        );
        if chooses == 201 {
            let back = json!({ "role": "viewer" });
            client.put(&team.place(&viewer), back).await.expect(200);
        }
    }
    let nobody = format!("{project}/team/{}", outsider.id);
    team.owner
        .put(&nobody, json!({ "role": "viewer" }))
        .await
        .refused(404, "not-found");
    team.owner.delete(&nobody).await.refused(404, "not-found");
    editor
        .delete(&team.place(&viewer))
        .await
        .refused(403, "not-allowed");
    // Whoever goes sees nothing from then on, and everybody may go.
    viewer.delete(&team.place(&viewer)).await.expect(204);
    viewer.get(&project).await.refused(404, "not-found");
    team.owner.delete(&team.place(&editor)).await.expect(204);
    editor.get(&project).await.refused(404, "not-found");
}

#[actix_web::test]
async fn a_team_keeps_an_owner() {
    let team = team().await;
    let own = team.place(&team.owner);
    team.owner.delete(&own).await.refused(409, "last-owner");
    let down = json!({ "role": "viewer" });
    team.owner
        .put(&own, down.clone())
        .await
        .refused(409, "last-owner");
    team.owner
        .put(&own, json!({ "role": "owner" }))
        .await
        .expect(200);
    let second = team.member("Bob", "owner").await;
    // Each takes the other out at the same time: one stays.
    let (first, other) = (team.place(&team.owner), team.place(&second));
    let both = future::join(second.delete(&first), team.owner.delete(&other)).await;
    let gone = [both.0.status.as_u16(), both.1.status.as_u16()];
    assert_eq!(
        gone.iter().filter(|status| **status == 204).count(),
        1,
        "{gone:?}"
    );
    let left = team
        .world
        .count("grants WHERE role = 'owner' AND valid_to IS NULL");
    assert_eq!(left, 1);
}

#[actix_web::test]
async fn a_company_may_come_later() {
    let world = World::new().await;
    let founder = world.person("Ada", Lang::En, Vec::new()).await;
    let mut body = new_project("Sangalux");
    body["applicant_kind"] = "company".into();
    let refused = founder
        .post("/v1/projects", body.clone())
        .await
        .refused(422, "invalid");
    let errors = refused.errors();
    assert_eq!(
        errors,
        [("/enterprise_number".to_owned(), "required".to_owned())]
    );
    body["applicant_kind"] = "person".into();
    let made = founder.post("/v1/projects", body).await.expect(201);
    assert_eq!(made.text_at("/applicant_kind"), "person");
    let path = made.header("location");
    let change = async |body: Value| {
        founder
            .ask(Method::PATCH, &path)
            .header("If-Match", "*")
            .json(&body)
            .send()
            .await
    };
    change(json!({ "applicant_kind": "company" }))
        .await
        .refused(422, "invalid");
    let company = json!({ "applicant_kind": "company", "enterprise_number": "0202.239.951" });
    assert_eq!(
        change(company).await.expect(200).text_at("/applicant_kind"),
        "company"
    );
    change(json!({ "enterprise_number": null }))
        .await
        .refused(422, "invalid");
    let events = founder
        .list("/v1/events?after=0&kind=project.changed")
        .await;
    let data = &events.last().expect("an entry")["data"];
    assert_eq!(data["before"]["applicant_kind"], "person");
    assert_eq!(data["after"]["applicant_kind"], "company");
    let plain = founder
        .post("/v1/projects", new_project("Plain"))
        .await
        .expect(201);
    assert_eq!(plain.text_at("/applicant_kind"), "team");
}
