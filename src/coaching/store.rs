//! How progress reports are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{AuthorRole, NewUpdate, StayRef, Update, UpdateId};
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::schema::updates;
use crate::db::{Conn, Moment};
use crate::error::{OrNotFound, Result};
use crate::http::Keyset;
use crate::projects::{Project, ProjectId};

pub fn insert(
    tx: &mut Tx<'_>,
    project: &Project,
    author: AccountId,
    role: AuthorRole,
    new: &NewUpdate,
) -> Result<Update> {
    let id: UpdateId = tx.new_id();
    diesel::insert_into(updates::table)
        .values((
            updates::id.eq(id),
            updates::project_id.eq(project.id),
            updates::stay_id.eq(project.stay_id.map(|id| StayRef(id.0))),
            updates::pillar.eq(project.pillar),
            updates::author_id.eq(author),
            updates::author_role.eq(role),
            updates::note.eq(&new.note),
            updates::confidence.eq(new.confidence),
            updates::blockers.eq(&new.blockers),
            updates::next_step.eq(&new.next_step),
            updates::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    updates::table
        .find(id)
        .select(Update::as_select())
        .get_result(tx.conn)
        .or_not_found()
}

pub fn list(
    conn: &mut Conn,
    project: ProjectId,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Update>> {
    let mut query = updates::table
        .filter(updates::project_id.eq(project))
        .into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(updates::created_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, updates::id, UpdateId, { "created_at" => updates::created_at, Moment; });
    Ok(query.select(Update::as_select()).load(conn)?)
}

/// How many updates coaches wrote in a stay.
///
/// # Errors
/// The database's.
pub fn count_coach_updates(conn: &mut Conn, stay: Uuid) -> Result<i64> {
    let by_coaches = updates::table
        .filter(updates::stay_id.eq(StayRef(stay)))
        .filter(updates::author_role.eq(AuthorRole::Coach));
    Ok(by_coaches.count().get_result(conn)?)
}
