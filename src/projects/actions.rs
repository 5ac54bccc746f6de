//! What happens when a project is created or changed.

use serde_json::{Value, json};

use super::model::{
    ApplicantKind, Course, NewProject, Project, ProjectId, may_manage, may_represent,
};
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::auth::{Grant, Role, Scope};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, FieldErrors, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::lang::Lang;
use crate::network::{self, Place, Sector};

const HOME: &str = "BE";

/// Starts a project; whoever does owns it.
///
/// # Errors
/// `invalid` where the place, the enterprise number or the language does not work out.
pub fn create(tx: &mut Tx<'_>, new: &NewProject) -> Result<Project> {
    let owner = tx.caller.account().or_not_found()?;
    let mut new = new.clone();
    let mut errors = FieldErrors::default();
    let place = find_place(
        tx.conn,
        &new.country,
        new.postal_code.as_deref(),
        tx.now,
        &mut errors,
    )?;
    check_number(&new.country, &mut new.enterprise_number, &mut errors);
    check_company(
        new.applicant_kind,
        new.enterprise_number.as_ref(),
        &mut errors,
    );
    let language = new.language.or_else(|| only_language(place.as_ref()));
    if language.is_none() {
        errors.push(FieldError::new("/language", "language-needed"));
    }
    errors.done()?;
    let language = language.unwrap_or(Lang::En);
    let project = store::insert(tx, owner, &new, language, place.as_ref())?;
    accounts::give(
        tx,
        owner,
        &Grant {
            role: Role::Owner,
            scope: Scope::Project { id: project.id.0 },
        },
    )?;
    let fact = fact("project.created", &project).changed(Value::Null, noted(tx, &project));
    events::record(tx, fact)?;
    Ok(project)
}

/// What a project's people may change. Outer `None`: stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub sector: Option<Sector>,
    pub country: Option<String>,
    pub postal_code: Option<Option<String>>,
    pub enterprise_number: Option<Option<String>>,
    pub website: Option<Option<String>>,
    pub language: Option<Lang>,
    pub shared_with_partners: Option<bool>,
    pub applicant_kind: Option<ApplicantKind>,
}

pub fn change(tx: &mut Tx<'_>, id: ProjectId, seen: &Seen, change: &Change) -> Result<Project> {
    let mut project = store::lock(tx.conn, tx.caller, id)?;
    if !may_manage(tx.caller, &project) && !may_represent(tx.caller, id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(project.version)?;
    let before = noted(tx, &project);
    let fields = apply(&mut project, change);
    let mut errors = FieldErrors::default();
    if change.country.is_some() || change.postal_code.is_some() {
        let place = find_place(
            tx.conn,
            &project.country,
            project.postal_code.as_deref(),
            tx.now,
            &mut errors,
        )?;
        project.region = place.as_ref().map(|place| place.region.clone());
        project.province = place.map(|place| place.province);
    }
    check_number(
        &project.country,
        &mut project.enterprise_number,
        &mut errors,
    );
    let number = project.enterprise_number.as_ref();
    check_company(project.applicant_kind, number, &mut errors);
    errors.done()?;
    let project = store::keep(tx, &project)?;
    let fact = fact("project.changed", &project).data(json!({ "fields": fields }));
    let after = noted(tx, &project);
    events::record(tx, fact.changed(before, after))?;
    Ok(project)
}

/// Puts the new values in and says which fields they are.
fn apply(project: &mut Project, change: &Change) -> Vec<&'static str> {
    let mut fields = Vec::new();
    macro_rules! put {
        ($($field:ident),*) => {$(
            if let Some(value) = &change.$field {
                project.$field = value.clone();
                fields.push(stringify!($field));
            }
        )*};
    }
    put!(
        title,
        summary,
        sector,
        country,
        postal_code,
        enterprise_number,
        website,
        language,
        shared_with_partners,
        applicant_kind
    );
    fields
}

/// Moves a project on its course; the journey and the coaching call it.
///
/// # Errors
/// `stale-version` where the project has changed meanwhile.
pub fn keep_course(tx: &mut Tx<'_>, project: &Project, course: &Course) -> Result<Project> {
    store::keep_course(tx, project, course)
}

/// Puts a project into the care of another region, as its team has consented to. Its postal code stays; a later change of
/// that decides anew.
///
/// # Errors
/// `stale-version` where the project has changed meanwhile.
pub fn hand_to_region(tx: &mut Tx<'_>, project: &Project, region: &str) -> Result<Project> {
    let before = noted(tx, project);
    let project = store::keep_region(tx, project, region)?;
    let after = noted(tx, &project);
    let fact = fact("project.changed", &project).data(json!({ "fields": ["region"] }));
    events::record(tx, fact.changed(before, after))?;
    Ok(project)
}

fn find_place(
    conn: &mut Conn,
    country: &str,
    code: Option<&str>,
    now: Moment,
    errors: &mut FieldErrors,
) -> Result<Option<Place>> {
    let Some(code) = code else { return Ok(None) };
    let place = network::place_of(conn, country, code, now)?;
    if place.is_none() && country == HOME {
        errors.push(FieldError::new("/postal_code", "postal-code-unknown"));
    }
    Ok(place)
}

fn check_number(country: &str, number: &mut Option<String>, errors: &mut FieldErrors) {
    if let (HOME, Some(given)) = (country, number.as_deref()) {
        match network::enterprise_number(given) {
            Some(digits) => *number = Some(digits),
            None => errors.push(FieldError::new(
                "/enterprise_number",
                "enterprise-number-invalid",
            )),
        }
    }
}

/// A company has a number; who is none yet may do without.
fn check_company(kind: ApplicantKind, number: Option<&String>, errors: &mut FieldErrors) {
    if kind == ApplicantKind::Company && number.is_none() {
        errors.push(FieldError::new("/enterprise_number", "required"));
    }
}

/// Where one language is official it is the default; in Brussels we ask.
fn only_language(place: Option<&Place>) -> Option<Lang> {
    match place?.languages.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn fact(kind: &'static str, project: &Project) -> Fact {
    Fact::new(kind, "project", project.id.0).within(project.id.0, project.region.as_deref())
}

/// What the ledger notes of a project: texts, and what may lead to a person, by fingerprint only.
fn noted(tx: &Tx<'_>, project: &Project) -> Value {
    let print = |text: Option<&str>| events::fingerprint(tx, text);
    json!({
        "title": print(Some(&project.title)), "summary": print(Some(&project.summary)),
        "sector": project.sector, "country": project.country, "region": project.region,
        "province": project.province, "postal_code": print(project.postal_code.as_deref()),
        "enterprise_number": print(project.enterprise_number.as_deref()),
        "website": print(project.website.as_deref()), "language": project.language,
        "shared_with_partners": project.shared_with_partners,
        "applicant_kind": project.applicant_kind,
    })
}
