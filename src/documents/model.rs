//! What a document is, what it may be called, and who may read, add and remove it.

use diesel::prelude::*;

use crate::applications::{Application, ApplicationId, ApplicationState};
use crate::auth::{AccountId, Caller, Role};
use crate::db::Moment;
use crate::db::schema::documents;
use crate::error::{Error, FieldError, Result};
use crate::files::Kind;
use crate::network::{Call, may_run};
use crate::projects::{Project, ProjectId, may_manage, may_represent};

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 150;

crate::ids! {
    DocumentId,
}

crate::words! {
    /// How far a document is. Only what is kept is shown.
    pub enum Standing {
        Arriving = "arriving",
        Kept = "kept",
        Removed = "removed",
    }
}

/// A file of a project, or of one of its applications.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = documents)]
pub struct Document {
    pub id: DocumentId,
    pub project_id: ProjectId,
    pub application_id: Option<ApplicationId>,
    /// The question of the form that it answers.
    pub question: Option<String>,
    pub title: Option<String>,
    /// A label; the file lies under the id.
    pub file_name: String,
    pub media_type: String,
    pub bytes: i64,
    pub sha256: String,
    pub state: Standing,
    pub added_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Document {
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.application_id
            .map_or(Owner::Project(self.project_id), Owner::Application)
    }
}

/// What a document belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Project(ProjectId),
    Application(ApplicationId),
}

/// What is known of a file that has come in.
#[derive(Debug, Clone)]
pub struct NewDocument {
    pub question: Option<String>,
    pub title: Option<String>,
    pub file_name: String,
    pub media_type: &'static str,
    pub bytes: i64,
    pub sha256: String,
}

crate::refusals! {
    pub enum Refusal {
        /// Larger than one document may be.
        DocumentTooLarge = "document-too-large",
        /// None of the accepted kinds, by its content.
        FileTypeRefused = "file-type-refused",
        /// An archive that no office program has made.
        ArchiveNotSafe = "archive-not-safe",
        /// The project's documents take as much as they may.
        QuotaReached = "document-quota-reached",
        /// The application was submitted: its evidence stays as it is.
        EvidenceFrozen = "evidence-frozen",
        /// The store does not take or give files now.
        StoreUnavailable = "file-store-unavailable",
    }
}

/// Where a document belongs, as found in the database.
pub struct Home {
    pub project: Project,
    pub application: Option<(Application, Call)>,
}

/// Whether somebody reads the documents of an application: its team, and those who run where it lies. Whoever sees an
/// application for another reason, such as reviewing it, does not read by that alone who handed it in.
#[must_use]
pub fn reads_evidence(caller: &Caller, application: &Application, call: &Call) -> bool {
    let in_region = |region: &String| caller.regions(Role::Coordinator).contains(region);
    caller.everywhere(Role::Coordinator)
        || caller.team_role(application.project_id.0).is_some()
        || may_run(caller, call)
        || application.region.as_ref().is_some_and(in_region)
}

/// # Errors
/// `not-allowed` for those who only read, `evidence-frozen` once the application was submitted.
pub fn may_add(caller: &Caller, home: &Home) -> Result<()> {
    if !may_represent(caller, home.project.id) && !may_manage(caller, &home.project) {
        return Err(Error::refused("not-allowed"));
    }
    if home.is_frozen() {
        return Err(Refusal::EvidenceFrozen.into());
    }
    Ok(())
}

/// What was submitted is removed by those who run the network alone, as where it should never have been sent.
///
/// # Errors
/// As `may_add`.
pub fn may_remove(caller: &Caller, home: &Home) -> Result<()> {
    if may_manage(caller, &home.project) {
        return Ok(());
    }
    may_add(caller, home)
}

impl Home {
    fn is_frozen(&self) -> bool {
        let open = [ApplicationState::Draft, ApplicationState::Returned];
        self.application
            .as_ref()
            .is_some_and(|(application, _)| !open.contains(&application.state))
    }
}

/// A name as it is kept: one line, without what turns letters round or hides them, and not too long.
///
/// # Errors
/// A field error for a name that is a path, or that has control characters.
pub fn file_name(given: &str) -> Result<String, FieldError> {
    if given.contains(['/', '\\']) {
        return Err(FieldError::new("/file", "name-is-a-path"));
    }
    if given.chars().any(char::is_control) {
        return Err(FieldError::new("/file", "control-character"));
    }
    let hides = |letter: &char| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let kept: String = given.chars().filter(|letter| !hides(letter)).collect();
    let kept = kept.trim().trim_start_matches('.');
    let ending = ending(kept);
    let length = kept.chars().count();
    if length <= LONGEST_NAME {
        return Ok(kept.to_owned());
    }
    let room = LONGEST_NAME.saturating_sub(ending.len() + 1);
    let start: String = kept.chars().take(room).collect();
    Ok(format!("{start}.{ending}"))
}

/// What stands behind the last dot of a name, in small letters.
#[must_use]
pub fn ending(name: &str) -> String {
    name.rsplit_once('.')
        .map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase())
}

/// The name under which a file of this kind is kept.
///
/// # Errors
/// A field error where the name says that it is something else.
pub fn fitting_name(name: &str, kind: Kind) -> Result<String, FieldError> {
    let [usual, ..] = kind.endings() else {
        return Ok(name.to_owned());
    };
    if name.is_empty() {
        return Ok(format!("document.{usual}"));
    }
    if kind.endings().contains(&ending(name).as_str()) {
        return Ok(name.to_owned());
    }
    Err(FieldError::new("/file", "name-does-not-fit").with("kind", kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label() {
        assert_eq!(file_name("Plan v2.pdf").unwrap(), "Plan v2.pdf");
        assert_eq!(file_name(" ..pdf").unwrap(), "pdf");
        assert_eq!(file_name("pl\u{202e}fdp.exe").unwrap(), "plfdp.exe");
        for path in ["../../x", "a/b.pdf", "c:\\x.pdf"] {
            assert_eq!(file_name(path).unwrap_err().code, "name-is-a-path");
        }
        assert_eq!(file_name("a\nb").unwrap_err().code, "control-character");
        let long = format!("{}.pdf", "é".repeat(400));
        let kept = file_name(&long).unwrap();
        assert_eq!(kept.chars().count(), LONGEST_NAME);
        assert_eq!(ending(&kept), "pdf");
        let endless = format!("a.{}", "b".repeat(400));
        assert!(file_name(&endless).unwrap().chars().count() > 0);
    }

    #[test]
    fn a_name_says_what_the_file_is() {
        assert_eq!(fitting_name("a.PDF", Kind::Pdf).unwrap(), "a.PDF");
        assert_eq!(fitting_name("", Kind::Text).unwrap(), "document.txt");
        for name in ["a.pdf", "a", "a.pdf.txt.exe"] {
            let error = fitting_name(name, Kind::Text).unwrap_err();
            assert_eq!(error.code, "name-does-not-fit", "{name}");
        }
    }
}
