//! What happens when a document comes in or goes.

use serde_json::{Value, json};

use super::model::{
    self, Document, DocumentId, Home, NewDocument, Owner, Refusal, may_add, may_remove,
};
use super::{store, sweep};
use crate::app::Tx;
use crate::applications;
use crate::auth::Caller;
use crate::db::Conn;
use crate::error::{Error, FieldError, Result};
use crate::events::{self, Fact};
use crate::forms::{self, Form, QuestionKind};
use crate::http::Seen;
use crate::network;
use crate::projects;

/// Where documents of an owner belong, if the caller reads them there.
///
/// # Errors
/// `not-found` where the owner is not there for the caller, `not-allowed` where they know of it by name only.
pub fn home(conn: &mut Conn, caller: &Caller, owner: Owner) -> Result<Home> {
    match owner {
        Owner::Project(id) => Ok(Home {
            project: projects::one_inside(conn, caller, id)?,
            application: None,
        }),
        Owner::Application(id) => {
            let application = applications::one(conn, caller, id)?;
            let call = network::call(conn, application.call_id)?;
            if !model::reads_evidence(caller, &application, &call) {
                return Err(Error::not_found());
            }
            Ok(Home {
                project: projects::find(conn, application.project_id)?,
                application: Some((application, call)),
            })
        }
    }
}

/// One document, if the caller reads those of its owner.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: DocumentId) -> Result<(Document, Home)> {
    let document = store::find(conn, id)?;
    match home(conn, caller, document.owner()) {
        Ok(home) => Ok((document, home)),
        // Whoever knows a project by its name alone does not learn which documents it has.
        Err(error) if error.code() == Some("not-allowed") => Err(Error::not_found()),
        Err(error) => Err(error),
    }
}

/// The same as `home`, once nobody else changes what it depends on.
fn lock(tx: &mut Tx<'_>, owner: Owner) -> Result<Home> {
    let project = match owner {
        Owner::Project(id) => id,
        Owner::Application(id) => applications::lock(tx.conn, tx.caller, id)?.project_id,
    };
    projects::lock(tx.conn, &Caller::system(), project)?;
    home(tx.conn, tx.caller, owner)
}

/// Notes that a file is about to lie in the store, and that its project has room for it.
///
/// # Errors
/// `document-quota-reached`, `invalid` for a question that asks for no file, or as `may_add`.
pub fn arrive(tx: &mut Tx<'_>, owner: Owner, new: &NewDocument) -> Result<DocumentId> {
    let home = lock(tx, owner)?;
    may_add(tx.caller, &home)?;
    check_question(tx.conn, &home, new)?;
    let quota = tx.app.config.documents.quota_mib * 1024 * 1024;
    let taken = store::taken(tx.conn, home.project.id)?;
    if taken.saturating_add(new.bytes) > quota {
        return Err(Refusal::QuotaReached.into());
    }
    store::insert(tx, &home, new)
}

/// Where the call has a form, a document can only be meant for one of its questions that ask for a file.
fn check_question(conn: &mut Conn, home: &Home, new: &NewDocument) -> Result<()> {
    let (Some((application, call)), Some(question)) = (&home.application, &new.question) else {
        return Ok(());
    };
    let form = match application.form_id {
        Some(form) => Some(forms::find(conn, form)?),
        None => forms::of_call(conn, call.id)?,
    };
    let asks = |form: &Form| {
        let found = form.definition.question(question);
        found.is_some_and(|one| one.kind == QuestionKind::File)
    };
    if form.is_none_or(|form| asks(&form)) {
        return Ok(());
    }
    let error = FieldError::new("/question", "unknown-question");
    Err(Error::invalid(vec![error]))
}

/// Keeps a document whose file lies in the store.
///
/// # Errors
/// As `may_add`: the application may have been submitted meanwhile.
pub fn keep(tx: &mut Tx<'_>, owner: Owner, id: DocumentId) -> Result<Document> {
    let home = lock(tx, owner)?;
    may_add(tx.caller, &home)?;
    let document = store::keep(tx, id)?;
    let after = noted(tx, &document);
    record(tx, "document.added", &home, &document, (Value::Null, after))?;
    Ok(document)
}

/// Takes a document away; its file follows.
///
/// # Errors
/// As `may_remove`.
pub fn remove(tx: &mut Tx<'_>, id: DocumentId, seen: &Seen) -> Result<()> {
    let (document, _) = one(tx.conn, tx.caller, id)?;
    let home = lock(tx, document.owner())?;
    may_remove(tx.caller, &home)?;
    let document = store::find(tx.conn, id)?;
    seen.check(document.version)?;
    store::remove(tx, &document)?;
    let before = noted(tx, &document);
    record(
        tx,
        "document.removed",
        &home,
        &document,
        (before, Value::Null),
    )?;
    sweep::enqueue(tx, id)
}

/// Gives up what will not be kept.
///
/// # Errors
/// The database's.
pub fn give_up(tx: &mut Tx<'_>, id: DocumentId) -> Result<()> {
    if store::give_up(tx, id)? {
        sweep::enqueue(tx, id)?;
    }
    Ok(())
}

/// What the ledger notes of a document: what people wrote by fingerprint only, the file by its digest.
fn noted(tx: &Tx<'_>, document: &Document) -> Value {
    let print = |text: Option<&str>| events::fingerprint(tx, text);
    json!({
        "sha256": document.sha256, "bytes": document.bytes, "media_type": document.media_type,
        "question": print(document.question.as_deref()), "title": print(document.title.as_deref()),
        "file_name": print(Some(&document.file_name)),
    })
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    home: &Home,
    document: &Document,
    (before, after): (Value, Value),
) -> Result<()> {
    let region = home.project.region.as_deref();
    let fact = Fact::new(kind, "document", document.id.0)
        .within(document.project_id.0, region)
        .data(json!({ "application_id": document.application_id }))
        .changed(before, after);
    events::record(tx, fact).map(|_| ())
}
