//! What has been handed in and who has been asked in, before anybody asks.

use reqwest::Method;
use serde_json::json;

use super::world::{Stage, canary};
use crate::documents::PDF;

/// Documents of projects and of the draft, and an invitation that nobody has answered.
pub async fn hand_in(stage: &mut Stage) {
    for (project, owner) in [("pa", "ada"), ("pb", "bob"), ("pe", "eli"), ("pf", "fay")] {
        let path = format!("/v1/projects/{}/documents", stage.id(project));
        paper(
            stage,
            owner,
            &path,
            &format!("paper of {project}"),
            &canary(project, "paper"),
        )
        .await;
    }
    let path = format!("/v1/applications/{}/documents", stage.id("ad"));
    let evidence = canary("pd", "evidence");
    paper(stage, "dan", &path, "evidence of pd", &evidence).await;
    for (project, owner) in [("pa", "ada"), ("pb", "bob")] {
        let path = format!("/v1/projects/{}/invitations", stage.id(project));
        let email = format!("{}@example.org", canary(project, "guest"));
        let body = json!({ "email": email, "role": "viewer" });
        let made = stage.post(owner, &path, body).await;
        stage.keep(&format!("invitation to {project}"), made.text_at("/id"));
    }
    // The guests are nobody of this world: no mail goes to them, and no account is begun for them.
    let unsent = "DELETE FROM jobs WHERE kind = 'send_invitation'";
    stage.world.database.execute(unsent);
}

async fn paper(stage: &mut Stage, owner: &str, path: &str, name: &str, word: &str) {
    let ask = stage.client(owner).ask(Method::POST, path);
    let file = format!("{word}.pdf");
    let content = [PDF, word.as_bytes()].concat();
    let form = ask.form(&[
        ("title", None, word.as_bytes()),
        ("file", Some(file.as_str()), content.as_slice()),
    ]);
    let made = form.send().await.expect(201);
    stage.keep(name, made.text_at("/id"));
}
