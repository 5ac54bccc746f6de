//! Which initiatives suit an application, and what excludes the others. The score is the sum of the points of the reasons:
//! sector 30, region 30, language 15, pillar 15, open call 10, full cohort −10; for a mandate region 30, pillar led 40 or
//! supported 30. Nobody is refused by it, and it knows nothing of people but the language that they want to be written to.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::model::Hint;
use crate::db::Moment;
use crate::eligibility::Reason;
use crate::lang::Names;
use crate::mail::render::WORDS;
use crate::network::{
    Call, Mandate, Organisation, OrganisationId, Pillar, Programme, ProgrammeId, Responsibility,
    names,
};
use crate::projects::Project;

crate::words! {
    /// What kind of thing suits.
    pub enum InitiativeKind {
        Call = "call",
        Programme = "programme",
        Mandate = "mandate",
    }
}

/// Something that the network offers, with every reason for and against it.
#[derive(Debug, Clone)]
pub struct Initiative {
    pub kind: InitiativeKind,
    pub id: Uuid,
    pub slug: String,
    pub names: Names,
    /// The call that the application answers.
    pub is_own: bool,
    pub programme_id: Option<ProgrammeId>,
    pub organisation_id: Option<OrganisationId>,
    pub pillar: Option<Pillar>,
    pub region: Option<String>,
    pub closes_at: Option<Moment>,
    pub reasons: Vec<Hint>,
    /// The rules that exclude it; empty where it suits.
    pub against: Vec<Hint>,
}

impl Initiative {
    #[must_use]
    pub fn score(&self) -> i32 {
        self.reasons.iter().map(|reason| reason.points).sum()
    }

    #[must_use]
    pub fn suits(&self) -> bool {
        self.against.is_empty()
    }
}

/// What the project brings.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    pub project: &'a Project,
    /// The pillar it is in, or is to begin in.
    pub pillar: Pillar,
    /// The regions' names by their codes.
    pub regions: &'a BTreeMap<String, Names>,
}

impl Needs<'_> {
    fn of_region(&self, hint: Hint, code: &str) -> Hint {
        hint.named("region", self.regions.get(code), code)
    }
}

fn of_pillar(hint: Hint, pillar: Pillar) -> Hint {
    let word = pillar.as_str();
    hint.named("pillar", WORDS.pillar.get(word), word)
}

/// How the project stands to one call.
#[derive(Debug, Clone)]
pub struct Standing {
    pub is_own: bool,
    /// It has an application there beside the one that is asked about.
    pub has_applied: bool,
    pub judged: Vec<Reason>,
}

/// A programme's call.
#[must_use]
pub fn of_call(
    needs: Needs<'_>,
    call: &Call,
    programme: &Programme,
    standing: &Standing,
) -> Initiative {
    let project = needs.project;
    let says = |code: &str| standing.judged.iter().any(|one| one.told.code == code);
    let mut reasons = Vec::new();
    let listed = programme.sectors.is_empty() || programme.sectors.contains(&project.sector);
    if listed && !says("sector-out-of-scope") {
        reasons.push(Hint::new("sector-fits", 30).with("sector", project.sector));
    }
    if let Some(region) = &project.region
        && !says("region-not-served")
    {
        reasons.push(needs.of_region(Hint::new("region-served", 30), region));
    }
    if programme.languages.contains(&project.language) && !says("language-not-offered") {
        reasons.push(Hint::new("language-spoken", 15).with("language", project.language));
    }
    if programme.plan(needs.pillar).is_some() {
        reasons.push(of_pillar(Hint::new("pillar-offered", 15), needs.pillar));
    }
    if !says("call-closed") && !says("call-not-open-yet") {
        reasons.push(Hint::new("call-open-until", 10).with("closes_at", call.closes_at));
    }
    let mut against = Vec::new();
    for one in &standing.judged {
        if one.stands() {
            against.push(Hint {
                values: one.told.values.clone(),
                ..Hint::new(&one.told.code, 0)
            });
        } else if one.overridden.is_some() {
            reasons.push(Hint::new("rule-waived", 0).with("rule", &one.told.code));
        } else {
            reasons.push(Hint::new("cohort-is-full", -10));
        }
    }
    if standing.has_applied {
        against.push(Hint::new("already-applied", 0));
    }
    Initiative {
        kind: InitiativeKind::Call,
        id: call.id.0,
        slug: call.slug.clone(),
        names: names(&call.names),
        is_own: standing.is_own,
        programme_id: Some(programme.id),
        organisation_id: programme.organisation_id,
        pillar: None,
        region: None,
        closes_at: Some(call.closes_at),
        reasons,
        against,
    }
}

/// A programme that takes no applications now.
#[must_use]
pub fn of_programme(programme: &Programme) -> Initiative {
    Initiative {
        kind: InitiativeKind::Programme,
        id: programme.id.0,
        slug: programme.slug.clone(),
        names: programme.names.clone(),
        is_own: false,
        programme_id: Some(programme.id),
        organisation_id: programme.organisation_id,
        pillar: None,
        region: None,
        closes_at: None,
        reasons: Vec::new(),
        against: vec![Hint::new("no-open-call", 0)],
    }
}

/// An organisation that leads or supports a pillar in a region.
#[must_use]
pub fn of_mandate(needs: Needs<'_>, mandate: &Mandate, organisation: &Organisation) -> Initiative {
    let (mut reasons, mut against) = (Vec::new(), Vec::new());
    if needs.project.region.as_ref() == Some(&mandate.region) {
        reasons.push(needs.of_region(Hint::new("region-served", 30), &mandate.region));
    } else {
        against.push(needs.of_region(Hint::new("another-region", 0), &mandate.region));
    }
    let (code, points) = match mandate.responsibility {
        Responsibility::Lead => ("pillar-led", 40),
        Responsibility::Support => ("pillar-supported", 30),
    };
    if mandate.pillar == needs.pillar {
        reasons.push(of_pillar(Hint::new(code, points), mandate.pillar));
    } else {
        against.push(of_pillar(Hint::new("another-pillar", 0), mandate.pillar));
    }
    Initiative {
        kind: InitiativeKind::Mandate,
        id: mandate.id.0,
        slug: organisation.slug.clone(),
        names: Names::same(&organisation.name),
        is_own: false,
        programme_id: None,
        organisation_id: Some(organisation.id),
        pillar: Some(mandate.pillar),
        region: Some(mandate.region.clone()),
        closes_at: None,
        reasons,
        against,
    }
}

/// What suits first, the best first; ties and what is excluded go by kind, name and id, so that the order is always the same.
pub fn rank(found: &mut [Initiative]) {
    found.sort_by(|a, b| {
        let weight = |one: &Initiative| (one.suits(), if one.suits() { one.score() } else { 0 });
        let by_weight = weight(b).cmp(&weight(a));
        let key = |one: &Initiative| (one.kind, one.slug.clone(), one.id);
        by_weight.then_with(|| key(a).cmp(&key(b)))
    });
}
