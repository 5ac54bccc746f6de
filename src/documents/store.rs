//! How documents are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{Document, DocumentId, Home, NewDocument, Owner, Standing};
use crate::app::Tx;
use crate::applications::ApplicationId;
use crate::db::schema::{applications, documents};
use crate::db::{Conn, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::projects::ProjectId;

/// # Errors
/// `not-found` where there is none that is kept.
pub fn find(conn: &mut Conn, id: DocumentId) -> Result<Document> {
    let kept = documents::table
        .find(id)
        .filter(documents::state.eq(Standing::Kept));
    kept.select(Document::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn list(
    conn: &mut Conn,
    owner: Owner,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Document>> {
    let mut query = documents::table
        .filter(documents::state.eq(Standing::Kept))
        .into_boxed();
    query = match owner {
        Owner::Project(id) => query
            .filter(documents::project_id.eq(id))
            .filter(documents::application_id.is_null()),
        Owner::Application(id) => query.filter(documents::application_id.eq(id)),
    };
    if let Some(since) = updated_since {
        query = query.filter(documents::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, documents::id, DocumentId, {
        "created_at" => documents::created_at, Moment;
        "updated_at" => documents::updated_at, Moment;
    });
    Ok(query.select(Document::as_select()).load(conn)?)
}

/// Whether a document is kept for an application, or for the project that it is of.
///
/// # Errors
/// The database's.
pub fn is_evidence(conn: &mut Conn, id: Uuid, application: ApplicationId) -> Result<bool> {
    let project = applications::table
        .filter(applications::id.eq(application))
        .select(applications::project_id);
    let kept = documents::table
        .filter(documents::id.eq(DocumentId(id)))
        .filter(documents::state.eq(Standing::Kept))
        .filter(documents::project_id.eq_any(project))
        .select((documents::id, documents::application_id));
    let found: Option<(DocumentId, Option<ApplicationId>)> = kept.get_result(conn).optional()?;
    Ok(found.is_some_and(|(_, of)| of.is_none_or(|of| of == application)))
}

/// The documents of an application, for slices that answer for who may read them.
///
/// # Errors
/// The database's.
pub fn of_application(conn: &mut Conn, application: ApplicationId) -> Result<Vec<Document>> {
    let own = documents::table
        .filter(documents::application_id.eq(application))
        .filter(documents::state.eq(Standing::Kept))
        .order((documents::created_at, documents::id));
    Ok(own.select(Document::as_select()).load(conn)?)
}

/// How many bytes a project's documents take, those included that are coming in. Exact under the project's lock.
pub fn taken(conn: &mut Conn, project: ProjectId) -> Result<i64> {
    let standing = documents::table
        .filter(documents::project_id.eq(project))
        .filter(documents::state.ne(Standing::Removed));
    let sizes: Vec<i64> = standing.select(documents::bytes).load(conn)?;
    Ok(sizes.into_iter().fold(0, i64::saturating_add))
}

pub fn insert(tx: &mut Tx<'_>, home: &Home, new: &NewDocument) -> Result<DocumentId> {
    let id: DocumentId = tx.new_id();
    let application = home.application.as_ref();
    diesel::insert_into(documents::table)
        .values((
            documents::id.eq(id),
            documents::project_id.eq(home.project.id),
            documents::application_id.eq(application.map(|(application, _)| application.id)),
            documents::question.eq(&new.question),
            documents::title.eq(&new.title),
            documents::file_name.eq(&new.file_name),
            documents::media_type.eq(new.media_type),
            documents::bytes.eq(new.bytes),
            documents::sha256.eq(&new.sha256),
            documents::state.eq(Standing::Arriving),
            documents::added_by.eq(tx.caller.account()),
            documents::version.eq(1_i64),
            documents::created_at.eq(tx.now),
            documents::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(id)
}

/// Makes an arrived document one that is kept.
///
/// # Errors
/// `busy` where it counts as lost already: sending it again is what is left.
pub fn keep(tx: &mut Tx<'_>, id: DocumentId) -> Result<Document> {
    let arriving = documents::table
        .find(id)
        .filter(documents::state.eq(Standing::Arriving));
    let kept = diesel::update(arriving)
        .set((
            documents::state.eq(Standing::Kept),
            documents::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if kept == 0 {
        return Err(Error::busy());
    }
    find(tx.conn, id)
}

/// Takes a document out of sight, unless it has changed meanwhile.
pub fn remove(tx: &mut Tx<'_>, document: &Document) -> Result<()> {
    let standing = documents::table
        .find(document.id)
        .filter(documents::state.eq(Standing::Kept))
        .filter(documents::version.eq(document.version));
    let removed = diesel::update(standing)
        .set((
            documents::state.eq(Standing::Removed),
            documents::version.eq(documents::version + 1),
            documents::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if removed == 0 {
        return Err(Error::stale());
    }
    Ok(())
}

/// Gives a document up that has not come as far as being kept. False where it has.
pub fn give_up(tx: &mut Tx<'_>, id: DocumentId) -> Result<bool> {
    let arriving = documents::table
        .find(id)
        .filter(documents::state.eq(Standing::Arriving));
    let given_up = diesel::update(arriving)
        .set((
            documents::state.eq(Standing::Removed),
            documents::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(given_up == 1)
}

/// Those that began to come in before a moment and still do.
pub fn lost(conn: &mut Conn, before: Moment) -> Result<Vec<DocumentId>> {
    let arriving = documents::table
        .filter(documents::state.eq(Standing::Arriving))
        .filter(documents::created_at.lt(before));
    Ok(arriving.select(documents::id).load(conn)?)
}

/// Which of some ids are documents that are coming in or kept.
pub fn standing(conn: &mut Conn, ids: &[DocumentId]) -> Result<Vec<DocumentId>> {
    let found = documents::table
        .filter(documents::id.eq_any(ids.to_vec()))
        .filter(documents::state.ne(Standing::Removed));
    Ok(found.select(documents::id).load(conn)?)
}

/// Every document that is kept.
pub fn kept(conn: &mut Conn) -> Result<Vec<DocumentId>> {
    let kept = documents::table.filter(documents::state.eq(Standing::Kept));
    Ok(kept.select(documents::id).load(conn)?)
}
