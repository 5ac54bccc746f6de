//! What happens when somebody is asked into a team, comes, changes their role or goes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::model::{
    Invitation, InvitationId, NewInvitation, PURPOSE, Refusal, Standing, TeamRole, may_choose_team,
    shown_title,
};
use super::store;
use crate::accounts::{self, Account, GrantRow, NewAccount};
use crate::app::{App, Tx};
use crate::auth::{AccountId, Caller, Grant, Role, Scope};
use crate::db::{Conn, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::jobs::{self, Job, Outcome, Task};
use crate::mail::render::WORDS;
use crate::mail::{self, Order};
use crate::projects::{self, Project, ProjectId};
use crate::throttle;

const SEND: &str = "send_invitation";

pub const JOBS: &[Job] = &[Job {
    kind: SEND,
    work: |app, task| Box::pin(send_invitation(app, task)),
}];

/// Asks somebody into a team. The answer is the same whether or not the address has an account; the worker finds out.
///
/// # Errors
/// `not-allowed` for all but owners, `already-invited`, or `too-many-requests`.
pub fn invite(tx: &mut Tx<'_>, id: ProjectId, new: &NewInvitation) -> Result<Invitation> {
    let project = lock_for_owner(tx, id)?;
    let by = tx.caller.account().or_not_found()?;
    if store::is_open(tx.conn, id, &new.email, tx.now)? {
        return Err(Refusal::AlreadyInvited.into());
    }
    let buckets = throttle::invitations(tx.app, &by.to_string());
    throttle::take(tx, &buckets, "too-many-requests")?;
    let language = new.language.unwrap_or(project.language);
    let invitation = store::insert(tx, id, by, new, language)?;
    let after = noted(tx, &invitation);
    let fact = fact("invitation.sent", &project, &invitation).changed(Value::Null, after);
    events::note(tx, fact)?;
    jobs::enqueue(tx, SEND, json!({ "invitation": invitation.id }))?;
    Ok(invitation)
}

/// Takes an open invitation back.
///
/// # Errors
/// `not-allowed` for all but owners, `not-found` once it is not open.
pub fn withdraw(tx: &mut Tx<'_>, id: ProjectId, invitation: InvitationId) -> Result<()> {
    let project = lock_for_owner(tx, id)?;
    let found = store::find(tx.conn, invitation)?;
    if found.project_id != id {
        return Err(Error::not_found());
    }
    let before = noted(tx, &found);
    let ended = store::end(tx, invitation, Standing::Withdrawn, None)?;
    let fact = fact("invitation.withdrawn", &project, &ended);
    let after = noted(tx, &ended);
    events::note(tx, fact.changed(before, after)).map(|_| ())
}

async fn send_invitation(app: Arc<App>, task: Task) -> Outcome {
    let Some(id) = task.noted_id("invitation").map(InvitationId) else {
        return Outcome::Fail("the work names no invitation".into());
    };
    match app.run(Caller::system(), move |tx| send(tx, id)).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

/// Writes the mail. An address that is new to us gets an account that nobody can use before its mailbox is proven, as
/// with a sign-up; a mailbox that has been sent many is spared.
fn send(tx: &mut Tx<'_>, id: InvitationId) -> Result<()> {
    let invitation = store::find(tx.conn, id)?;
    let many = store::lately(tx.conn, &invitation)? > tx.app.config.throttle.mails_to_mailbox;
    if many || invitation.standing(tx.now) != Standing::Open {
        return Ok(());
    }
    let to = accounts::begin(tx, &invitation.email, invitation.language)?;
    let project = projects::find(tx.conn, invitation.project_id)?;
    let inviter = accounts::find(tx.conn, invitation.invited_by)?;
    let context = json!({
        "project": shown_title(&project), "inviter": inviter.name, "days": tx.app.config.invitations.days,
        "role_text": WORDS.team_role.get(invitation.role.as_str()),
        "code": { "purpose": PURPOSE, "id": id },
    });
    mail::queue(
        tx,
        Order {
            to: to.id,
            event: None,
            template: "team_invitation",
            context,
            expires_at: Some(invitation.expires_at),
        },
    )
}

/// Who comes with an invitation.
#[derive(Debug, Clone)]
pub enum Guest {
    /// Somebody signed in, to whom it was sent.
    Known(AccountId),
    /// Somebody without an account that can be used; the invitation proves their mailbox.
    New(Box<Invitation>),
}

/// Finds out who comes with an invitation, and that it can be accepted.
///
/// # Errors
/// `code-not-valid`, `invitation-for-another`, or `sign-in-to-accept`.
pub fn guest(conn: &mut Conn, caller: &Caller, id: InvitationId, now: Moment) -> Result<Guest> {
    let not_valid = || Error::from(accounts::Refusal::CodeNotValid);
    let invitation = store::find(conn, id).map_err(|_| not_valid())?;
    let inviter = accounts::grants_at(conn, invitation.invited_by, now)?;
    let scope = Scope::Project {
        id: invitation.project_id.0,
    };
    let still_may = |grant: &Grant| {
        grant.role == Role::Admin || (grant.role == Role::Owner && grant.scope == scope)
    };
    if invitation.standing(now) != Standing::Open || !inviter.iter().any(still_may) {
        return Err(not_valid());
    }
    if let Some(own) = caller.account() {
        let account = accounts::find(conn, own)?;
        if account.email != invitation.email {
            return Err(Refusal::InvitationForAnother.into());
        }
        return Ok(Guest::Known(own));
    }
    match accounts::find_by_email(conn, &invitation.email)? {
        Some(account) if account.disabled_at.is_some() => Err(not_valid()),
        Some(account) if account.verified_at.is_some() => Err(Refusal::SignInToAccept.into()),
        _ => Ok(Guest::New(Box::new(invitation))),
    }
}

/// Lets somebody into the team, once.
///
/// # Errors
/// As `guest`, or `already-in-team`.
pub fn accept(tx: &mut Tx<'_>, id: InvitationId, new: Option<&NewAccount>) -> Result<Invitation> {
    let found = store::find(tx.conn, id).map_err(|_| accounts::Refusal::CodeNotValid)?;
    let project = projects::lock(tx.conn, &Caller::system(), found.project_id)?;
    let account = match (guest(tx.conn, tx.caller, id, tx.now)?, new) {
        (Guest::Known(account), _) => account,
        (Guest::New(_), Some(new)) => accounts::create_invited(tx, new.clone(), id.0)?.id,
        (Guest::New(_), None) => return Err(Error::refused("sign-in-needed")),
    };
    if !grants_of(tx.conn, found.project_id, account)?.is_empty() {
        return Err(Refusal::AlreadyInTeam.into());
    }
    let before = noted(tx, &found);
    let accepted = store::end(tx, id, Standing::Accepted, Some(account))?;
    accounts::give(tx, account, &grant(found.project_id, accepted.role))?;
    let data = json!({ "account_id": account, "team_role": accepted.role });
    let fact = fact("invitation.accepted", &project, &accepted).data(data);
    let after = noted(tx, &accepted);
    events::record(tx, fact.changed(before, after))?;
    Ok(accepted)
}

/// Makes a member of a team something else in it.
///
/// # Errors
/// `not-allowed` for all but owners, `not-found` for who is not in the team, `last-owner`.
pub fn change_member(
    tx: &mut Tx<'_>,
    id: ProjectId,
    account: AccountId,
    role: TeamRole,
) -> Result<Account> {
    let project = lock_for_owner(tx, id)?;
    let grants = member(tx.conn, id, account)?;
    if role != TeamRole::Owner {
        keep_an_owner(tx, id, account)?;
    }
    for grant in &grants {
        accounts::take_back(tx, grant)?;
    }
    accounts::give(tx, account, &grant(id, role))?;
    let before = grants.first().map(|grant| grant.role);
    let fact = Fact::new("member.changed", "project", id.0)
        .within(id.0, project.region.as_deref())
        .data(json!({ "account_id": account }))
        .changed(json!({ "role": before }), json!({ "role": role }));
    events::note(tx, fact)?;
    accounts::find(tx.conn, account)
}

/// Takes somebody out of a team: owners anybody, and everybody themselves.
///
/// # Errors
/// As `change_member`.
pub fn remove_member(tx: &mut Tx<'_>, id: ProjectId, account: AccountId) -> Result<()> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let is_own = tx.caller.account() == Some(account) && tx.caller.team_role(id.0).is_some();
    if !is_own && !may_choose_team(tx.caller, id) {
        return Err(Error::refused("not-allowed"));
    }
    let grants = member(tx.conn, id, account)?;
    keep_an_owner(tx, id, account)?;
    for grant in &grants {
        accounts::take_back(tx, grant)?;
    }
    let before = grants.first().map(|grant| grant.role);
    let fact = Fact::new("member.removed", "project", id.0)
        .within(id.0, project.region.as_deref())
        .data(json!({ "account_id": account }))
        .changed(json!({ "role": before }), Value::Null);
    events::note(tx, fact).map(|_| ())
}

/// Without this one, somebody who can come in still owns the project.
fn keep_an_owner(tx: &mut Tx<'_>, id: ProjectId, account: AccountId) -> Result<()> {
    let team = accounts::people_of_project(tx.conn, id.0, tx.now)?;
    let owns = |one: AccountId| team.contains(&(one, Role::Owner));
    let another = team
        .iter()
        .any(|(one, role)| *one != account && *role == Role::Owner);
    if owns(account) && !another {
        return Err(Refusal::LastOwner.into());
    }
    Ok(())
}

fn lock_for_owner(tx: &mut Tx<'_>, id: ProjectId) -> Result<Project> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    if !may_choose_team(tx.caller, id) {
        return Err(Error::refused("not-allowed"));
    }
    Ok(project)
}

fn grants_of(conn: &mut Conn, project: ProjectId, account: AccountId) -> Result<Vec<GrantRow>> {
    let all = accounts::team_grants(conn, project.0)?;
    Ok(all
        .into_iter()
        .filter(|grant| grant.account_id == account)
        .collect())
}

fn member(conn: &mut Conn, project: ProjectId, account: AccountId) -> Result<Vec<GrantRow>> {
    let grants = grants_of(conn, project, account)?;
    if grants.is_empty() {
        return Err(Error::not_found());
    }
    Ok(grants)
}

fn grant(project: ProjectId, role: TeamRole) -> Grant {
    Grant {
        role: role.role(),
        scope: Scope::Project { id: project.0 },
    }
}

/// What the ledger notes of an invitation: the address by fingerprint only.
fn noted(tx: &Tx<'_>, invitation: &Invitation) -> Value {
    json!({
        "state": invitation.state, "role": invitation.role,
        "email": events::fingerprint(tx, invitation.email.clone()),
        "account_id": invitation.account_id,
    })
}

fn fact(kind: &'static str, project: &Project, invitation: &Invitation) -> Fact {
    Fact::new(kind, "invitation", invitation.id.0).within(project.id.0, project.region.as_deref())
}
