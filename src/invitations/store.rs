//! How invitations are kept and found.

use chrono::Duration;
use diesel::prelude::*;

use super::model::{Invitation, InvitationId, NewInvitation, Standing};
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::schema::invitations;
use crate::db::{Conn, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::lang::Lang;
use crate::projects::ProjectId;

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: InvitationId) -> Result<Invitation> {
    let found = invitations::table.find(id);
    found
        .select(Invitation::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn list(conn: &mut Conn, project: ProjectId, keyset: &Keyset) -> Result<Vec<Invitation>> {
    let query = invitations::table
        .filter(invitations::project_id.eq(project))
        .into_boxed();
    let query = crate::keyset!(query, keyset, invitations::id, InvitationId, {
        "created_at" => invitations::created_at, Moment;
        "updated_at" => invitations::updated_at, Moment;
    });
    Ok(query.select(Invitation::as_select()).load(conn)?)
}

/// Whether an invitation of an address into a project is open.
pub fn is_open(conn: &mut Conn, project: ProjectId, email: &str, now: Moment) -> Result<bool> {
    let open = invitations::table
        .filter(invitations::project_id.eq(project))
        .filter(invitations::email.eq(email))
        .filter(invitations::state.eq(Standing::Open))
        .filter(invitations::expires_at.gt(now));
    let open: i64 = open.count().get_result(conn)?;
    Ok(open > 0)
}

/// How many invitations went to a mailbox in the hour before one, whoever sent them, that one included.
pub fn lately(conn: &mut Conn, invitation: &Invitation) -> Result<i64> {
    let hour = invitation.created_at.minus(Duration::hours(1));
    let (at, id) = (invitation.created_at, invitation.id);
    let before = invitations::created_at.lt(at);
    let together = invitations::created_at.eq(at).and(invitations::id.le(id));
    let recent = invitations::table
        .filter(invitations::email.eq(invitation.email.clone()))
        .filter(invitations::created_at.gt(hour))
        .filter(before.or(together));
    Ok(recent.count().get_result(conn)?)
}

pub fn insert(
    tx: &mut Tx<'_>,
    project: ProjectId,
    by: AccountId,
    new: &NewInvitation,
    language: Lang,
) -> Result<Invitation> {
    let id: InvitationId = tx.new_id();
    let days = Duration::days(tx.app.config.invitations.days);
    diesel::insert_into(invitations::table)
        .values((
            invitations::id.eq(id),
            invitations::project_id.eq(project),
            invitations::email.eq(&new.email),
            invitations::role.eq(new.role),
            invitations::language.eq(language),
            invitations::state.eq(Standing::Open),
            invitations::expires_at.eq(tx.now.plus(days)),
            invitations::invited_by.eq(by),
            invitations::version.eq(1_i64),
            invitations::created_at.eq(tx.now),
            invitations::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    find(tx.conn, id)
}

/// Ends an open invitation, once only.
///
/// # Errors
/// `not-found` where it is not open any more.
pub fn end(
    tx: &mut Tx<'_>,
    id: InvitationId,
    state: Standing,
    account: Option<AccountId>,
) -> Result<Invitation> {
    let open = invitations::table
        .find(id)
        .filter(invitations::state.eq(Standing::Open))
        .filter(invitations::expires_at.gt(tx.now));
    let ended = diesel::update(open)
        .set((
            invitations::state.eq(state),
            invitations::account_id.eq(account),
            invitations::version.eq(invitations::version + 1),
            invitations::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if ended == 0 {
        return Err(Error::not_found());
    }
    find(tx.conn, id)
}
