//! Rows about people: accounts, grants, sessions, keys, messages and mail.

use std::collections::BTreeSet;

use serde_json::json;

use crate::matrix::cases::{
    Case, Fresh, Row, column, forbidden_unless, hidden_unless, row, strays,
};
use crate::matrix::facts::{KEYS, PEOPLE, Place};
use crate::matrix::oracle::{Subject, gives, is_at_work, sees_account, sees_key};
use crate::matrix::world::{Stage, address};
use crate::support::world::PASSWORD;

use Place::{Cohort, Network, Programme, Project, Region};

pub fn rows(stage: &Stage) -> Vec<Row> {
    let mut rows = vec![
        row("list_accounts", "staff", list_accounts(stage)),
        row("show_account", "staff", show_account(stage)),
        row("give_grant", "staff", give_grant(stage)),
        row("end_grant", "staff", end_grant(stage)),
        row("list_api_keys", "staff", vec![list_keys(stage)]),
        row("show_api_key", "staff", show_key(stage)),
        row("create_api_key", "staff", create_key(stage)),
        row("revoke_api_key", "staff", revoke_key(stage)),
        row("list_mails", "admin", vec![Case::plain("all")]),
        row("retry_mail", "admin", retry_mail(stage)),
    ];
    rows.extend(entrance());
    rows.extend(own(stage));
    rows
}

/// What strangers use to come in.
fn entrance() -> Vec<Row> {
    let new = json!({ "email": "new@example.org", "password": "twelve letters or so", "name": "New", "language": "en" });
    let known = json!({ "email": address("eve"), "password": PASSWORD });
    let forgotten = json!({ "email": address("eve") });
    let code = json!({ "token": "no code of ours" });
    let reset = json!({ "token": "no code of ours", "password": "twelve letters or so" });
    let refresh = json!({ "refresh_token": "no token of ours" });
    let one = |id, case| row(id, "public", vec![case]);
    vec![
        one("sign_up", Case::plain("new").body(new).changes(201)),
        one(
            "verify_mailbox",
            Case::plain("forged").body(code).answers(422),
        ),
        one("sign_in", Case::plain("eve").body(known).changes(201)),
        one(
            "refresh_session",
            Case::plain("forged").body(refresh).answers(401),
        ),
        one(
            "forget_password",
            Case::plain("eve").body(forgotten).changes(202),
        ),
        one(
            "reset_password",
            Case::plain("forged").body(reset).answers(422),
        ),
    ]
}

/// What everybody has of their own.
fn own(stage: &Stage) -> Vec<Row> {
    let one = |id, case| row(id, "signed-in", vec![case]);
    let ids: Vec<(String, &'static str)> = PEOPLE
        .iter()
        .map(|person| (stage.id(person.name), person.name))
        .collect();
    let me = Case::plain("own").check(move |who, answer| {
        let expected = ids
            .iter()
            .any(|(id, name)| *name == who.name && answer.text_at("/id") == *id);
        if expected {
            Ok(())
        } else {
            Err("LEAK: somebody else's account".into())
        }
    });
    let wrong =
        json!({ "current_password": "not this one", "new_password": "twelve letters or so" });
    vec![
        one("show_me", me),
        one(
            "change_me",
            Case::plain("own")
                .body(json!({ "time_zone": "Europe/Paris" }))
                .stale(),
        ),
        one(
            "change_password",
            Case::plain("own").body(wrong).answers(422),
        ),
        one(
            "list_sessions",
            counted(stage, "sessions", "ended_at IS NULL"),
        ),
        one("sign_out", Case::plain("own").fresh(Fresh::OwnSession)),
        row("end_session", "signed-in", end_session(stage)),
        one("end_other_sessions", Case::plain("own").changes(204)),
        one(
            "list_notifications",
            counted(stage, "notifications", "1 = 1").query("limit=100"),
        ),
        row(
            "show_notification",
            "signed-in",
            messages(stage, |case| case),
        ),
        row(
            "change_notification",
            "signed-in",
            messages(stage, |case| case.body(json!({ "read": true })).stale()),
        ),
    ]
}

/// As many rows as the table has of one's own.
fn counted(stage: &Stage, table: &str, condition: &str) -> Case {
    let query = format!(
        "SELECT accounts.email AS t FROM {table} JOIN accounts ON accounts.id = {table}.account_id WHERE {condition}"
    );
    let all = stage.world.database.texts(&query);
    Case::plain("own").check(move |who, answer| {
        let own = all
            .iter()
            .filter(|email| **email == address(who.name))
            .count();
        let found = column(answer, "id").len();
        if own == found {
            Ok(())
        } else {
            Err(format!("LEAK: {found} rows, {own} are their own"))
        }
    })
}

fn messages(stage: &Stage, shape: fn(Case) -> Case) -> Vec<Case> {
    let known = ["ada", "kim", "orla"].into_iter().map(|name| {
        let thing = format!("message to {name}");
        let case = shape(Case::to(&thing, &[stage.id(&thing)]));
        case.unless(move |who| hidden_unless(who.name == name))
    });
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
    known.chain(stray).collect()
}

fn end_session(stage: &Stage) -> Vec<Case> {
    let known = ["ada", "kim", "orla"].into_iter().map(|name| {
        let thing = format!("session of {name}");
        let case = Case::to(&thing, &[stage.id(&thing)]);
        case.unless(move |who| hidden_unless(who.name == name))
            .fresh(Fresh::Session)
    });
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)));
    known.chain(stray).collect()
}

/// The accounts of those whom a condition names, as far as somebody sees them.
fn accounts(
    stage: &Stage,
    wanted: fn(&str) -> bool,
) -> impl Fn(&Subject) -> BTreeSet<String> + 'static {
    let ids: Vec<(&'static str, String)> = PEOPLE
        .iter()
        .filter(|person| wanted(person.name))
        .map(|person| (person.name, stage.id(person.name)))
        .collect();
    move |who| {
        let seen = ids.iter().filter(|(name, _)| sees_account(who, name));
        seen.map(|(_, id)| id.clone()).collect()
    }
}

fn holds(person: &str, wanted: impl Fn(&(&'static str, Place)) -> bool) -> bool {
    PEOPLE
        .iter()
        .any(|one| one.name == person && one.rights.iter().any(&wanted))
}

fn list_accounts(stage: &Stage) -> Vec<Case> {
    let at_work = accounts(stage, is_at_work);
    let all = accounts(stage, |_| true);
    let una = stage.id("una");
    let everybody = move |who: &Subject| {
        let mut ids = if who.is_admin() {
            all(who)
        } else {
            at_work(who)
        };
        ids.extend(who.is_admin().then(|| una.clone()));
        ids
    };
    let coaches = accounts(stage, |name| holds(name, |(role, _)| *role == "coach"));
    let of_region = accounts(stage, |name| {
        holds(name, |(_, place)| *place == Region("BE2"))
    });
    let owners = accounts(stage, |name| holds(name, |(role, _)| *role == "owner"));
    vec![
        Case::plain("all").ids(everybody),
        Case::plain("coaches").query("role=coach").ids(coaches),
        Case::plain("those of BE2")
            .query("region=BE2")
            .ids(of_region),
        Case::plain("owners").query("role=owner").ids(owners),
    ]
}

fn show_account(stage: &Stage) -> Vec<Case> {
    let known = PEOPLE.iter().map(|person| {
        let case = Case::to(person.name, &[stage.id(person.name)]);
        case.unless(move |who| hidden_unless(sees_account(who, person.name)))
    });
    let una = Case::to("una", &[stage.id("una")]).unless(|who| hidden_unless(who.is_admin()));
    let project = Case::to("a project's id", &[stage.id("pa")]).unless(|_| Some(404));
    let stray = strays(stage)
        .into_iter()
        .filter(|(about, _)| !about.contains("account"));
    let stray = stray.map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)));
    known.chain(stray).chain([una, project]).collect()
}

fn give_grant(stage: &Stage) -> Vec<Case> {
    let all = [
        ("coach", Region("BE1")),
        ("reviewer", Region("BE2")),
        ("coach", Network),
        ("coach", Cohort("c2")),
        ("coach", Programme("belgian-medtech-booster")),
        ("coordinator", Region("BE1")),
        ("partner", Region("BE2")),
        ("admin", Network),
        ("viewer", Project("pa")),
    ];
    let mut cases = Vec::new();
    for (role, place) in all {
        let body = json!({ "role": role, "scope": stage.scope(place) });
        let to = |about: &str, id: String| {
            Case::to(&format!("{role} {place:?} for {about}"), &[id]).body(body.clone())
        };
        cases.push(
            to("eve", stage.id("eve"))
                .unless(move |who| forbidden_unless(gives(who, role, place)))
                .changes(201),
        );
        let nobody = to("nobody", uuid::Uuid::now_v7().to_string());
        cases.push(
            nobody.unless(move |who| forbidden_unless(gives(who, role, place)).or(Some(404))),
        );
    }
    cases
}

fn end_grant(stage: &Stage) -> Vec<Case> {
    let pair = |account: &str, grant: &str| [stage.id(account), stage.id(grant)];
    let open = [
        ("rev", "reviewer", Region("BE1")),
        ("kim", "coach", Region("BE2")),
        ("forma", "coach", Network),
        ("carl", "coordinator", Region("BE1")),
        ("ed", "editor", Project("pa")),
        ("pia", "partner", Region("BE2")),
    ];
    let open = open.into_iter().map(|(name, role, place)| {
        let case = Case::to(name, &pair(name, &format!("grant {name}")));
        let verdict = move |who: &Subject| {
            hidden_unless(sees_account(who, name)).or(forbidden_unless(gives(who, role, place)))
        };
        case.unless(verdict).fresh(Fresh::Grant(name, role, place))
    });
    let none = [
        ("one that has ended", pair("dora", "grant dora")),
        ("another's", pair("coco", "grant rev")),
        (
            "a random one",
            [stage.id("coco"), uuid::Uuid::now_v7().to_string()],
        ),
        ("a project's id", pair("coco", "pa")),
        (
            "nobody's",
            [uuid::Uuid::now_v7().to_string(), stage.id("grant rev")],
        ),
    ];
    let none = none
        .into_iter()
        .map(|(about, path)| Case::to(about, &path).unless(|_| Some(404)));
    open.chain(none).collect()
}

fn list_keys(stage: &Stage) -> Case {
    let ids: Vec<_> = KEYS
        .iter()
        .map(|key| (key.name, stage.id(key.name)))
        .collect();
    Case::plain("all").ids(move |who| {
        let seen = ids.iter().filter(|(name, _)| sees_key(who, name));
        seen.map(|(_, id)| id.clone()).collect()
    })
}

fn show_key(stage: &Stage) -> Vec<Case> {
    let known = KEYS.iter().map(|key| {
        let case = Case::to(key.name, &[stage.id(key.name)]);
        case.unless(move |who| hidden_unless(sees_key(who, key.name)))
    });
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)));
    known.chain(stray).collect()
}

fn revoke_key(stage: &Stage) -> Vec<Case> {
    let makers = [("kcarl", "carl"), ("kcora", "cora"), ("kadam", "adam")];
    let known = makers.into_iter().map(|(name, maker)| {
        let case = Case::to(name, &[stage.id(name)]);
        case.unless(move |who| hidden_unless(sees_key(who, name)))
            .fresh(Fresh::Key(maker))
    });
    let gone = Case::to("one that is revoked", &[stage.id("kgone")]).unless(|_| Some(404));
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)));
    known.chain(stray).chain([gone]).collect()
}

fn create_key(stage: &Stage) -> Vec<Case> {
    let all = [
        ("coordinator", Region("BE1")),
        ("partner", Region("BE2")),
        ("partner", Network),
        ("coordinator", Cohort("c2")),
        ("partner", Programme("belgian-medtech-booster")),
        ("admin", Network),
        ("coach", Region("BE1")),
        ("owner", Project("pa")),
    ];
    let case = |(role, place)| {
        let body = json!({
            "name": "New", "role": role, "scope": stage.scope(place), "actions": ["read:projects"], "expires_in_days": 9,
        });
        let fits = ["partner", "coordinator"].contains(&role);
        // A coach's right may be given where the giver coordinates: the reach of a key is the same.
        let verdict = move |who: &Subject| forbidden_unless(fits && gives(who, "coach", place));
        Case::plain(&format!("{role} {place:?}"))
            .body(body)
            .unless(verdict)
            .changes(201)
    };
    all.into_iter().map(case).collect()
}

fn retry_mail(stage: &Stage) -> Vec<Case> {
    let dead = Case::to("a dead mail", &[stage.id("dead mail")])
        .fresh(Fresh::DeadMail)
        .changes(200);
    let sent = Case::to("a sent mail", &[stage.id("sent mail")]).unless(|_| Some(404));
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)));
    stray.chain([dead, sent]).collect()
}
