//! Works out who reviews what: as many reviews as are wanted, then the load as even as possible, then the reviewers who
//! know the field. A flow of least cost, so that none of this depends on who comes first.

use std::collections::{BTreeMap, BTreeSet};

use ac_library::MinCostFlowGraph;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Profile;
use crate::applications::ApplicationId;
use crate::auth::{AccountId, Caller, Role};
use crate::lang::Lang;
use crate::network::{Call, Sector};
use crate::projects::ProjectId;

crate::words! {
    /// Why somebody can't review an application.
    pub enum Exclusion {
        /// They review it, or have given it back.
        Already = "already",
        /// They are no reviewer for this call or region.
        Role = "role",
        Conflict = "conflict",
        /// They belong to the project's team.
        OwnTeam = "own-team",
        /// The call is blind, and they run a part of the network that the application lies in.
        SeesByName = "sees-by-name",
        /// They don't read the language it is written in.
        Language = "language",
        OwnRegion = "own-region",
        OwnOrganisation = "own-organisation",
        /// They have as many reviews as they take.
        Full = "full",
    }
}

crate::words! {
    /// What speaks for a pair.
    pub enum Reason {
        Language = "language",
        Sector = "sector",
        /// Their profile names no sector.
        AnySector = "any-sector",
        /// Another sector, for the sake of an even load.
        OtherSector = "other-sector",
    }
}

/// Somebody who reviews for the call.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub account: AccountId,
    /// With their rights of now.
    pub rights: Caller,
    pub profile: Profile,
    pub organisations: BTreeSet<Uuid>,
    /// How many reviews of the call they have.
    pub load: i32,
}

/// An application that wants reviewers.
#[derive(Debug, Clone)]
pub struct Item {
    pub application: ApplicationId,
    pub project: ProjectId,
    pub region: Option<String>,
    pub language: Lang,
    pub sector: Sector,
    /// Those of the people of the project's team.
    pub organisations: BTreeSet<Uuid>,
    /// Those who review it or have given it back.
    pub known: BTreeSet<AccountId>,
    /// How many reviews are missing.
    pub wanted: i32,
}

/// Everything that a plan follows from.
#[derive(Debug, Clone)]
pub struct Facts {
    pub call: Call,
    pub blind: bool,
    pub avoid_own_region: bool,
    pub avoid_own_organisation: bool,
    pub candidates: Vec<Candidate>,
    pub items: Vec<Item>,
    pub conflicts: BTreeSet<(AccountId, ProjectId)>,
}

/// One review that is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pair {
    pub application_id: ApplicationId,
    pub account_id: AccountId,
    pub reasons: Vec<Reason>,
}

/// An application that stays short of reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unmet {
    pub application_id: ApplicationId,
    pub missing: i32,
    /// How many reviewers were left out for which reason.
    #[schema(value_type = Object)]
    pub excluded: BTreeMap<String, i32>,
}

/// What a reviewer has before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Load {
    pub account_id: AccountId,
    pub before: i32,
    pub after: i32,
}

/// Who reviews what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub pairs: Vec<Pair>,
    pub unmet: Vec<Unmet>,
    pub loads: Vec<Load>,
}

impl Facts {
    /// What forbids a pair, whoever proposes it.
    #[must_use]
    pub fn forbids(&self, who: &Candidate, item: &Item) -> Option<Exclusion> {
        if item.known.contains(&who.account) {
            return Some(Exclusion::Already);
        }
        if !reaches(&who.rights, Role::Reviewer, &self.call, item) {
            return Some(Exclusion::Role);
        }
        if self.conflicts.contains(&(who.account, item.project)) {
            return Some(Exclusion::Conflict);
        }
        if who.rights.team_role(item.project.0).is_some() {
            return Some(Exclusion::OwnTeam);
        }
        let runs = reaches(&who.rights, Role::Coordinator, &self.call, item);
        (self.blind && runs).then_some(Exclusion::SeesByName)
    }

    /// What keeps a plan from a pair.
    #[must_use]
    pub fn keeps_from(&self, who: &Candidate, item: &Item) -> Option<Exclusion> {
        if let Some(why) = self.forbids(who, item) {
            return Some(why);
        }
        if !who.profile.languages.contains(&item.language) {
            return Some(Exclusion::Language);
        }
        let at_home = who.profile.region.is_some() && who.profile.region == item.region;
        if self.avoid_own_region && at_home {
            return Some(Exclusion::OwnRegion);
        }
        let related = !who.organisations.is_disjoint(&item.organisations);
        (self.avoid_own_organisation && related).then_some(Exclusion::OwnOrganisation)
    }
}

/// Whether a role reaches an application: for everything, or by its region, programme or cohort.
fn reaches(rights: &Caller, role: Role, call: &Call, item: &Item) -> bool {
    let here = |region: &String| rights.regions(role).contains(region);
    rights.everywhere(role)
        || item.region.as_ref().is_some_and(here)
        || rights.programmes(role).contains(&call.programme_id.0)
        || call
            .cohort_id
            .is_some_and(|cohort| rights.cohorts(role).contains(&cohort.0))
}

fn reason(who: &Candidate, item: &Item) -> Reason {
    if who.profile.sectors.contains(&item.sector) {
        Reason::Sector
    } else if who.profile.sectors.is_empty() {
        Reason::AnySector
    } else {
        Reason::OtherSector
    }
}

/// Finds the best pairs.
#[must_use]
pub fn plan(facts: &Facts) -> Plan {
    let (items, people) = (facts.items.len(), facts.candidates.len());
    let wanted: i64 = facts.items.iter().map(|item| i64::from(item.wanted)).sum();
    let (source, sink) = (0, items + people + 1);
    let mut graph = MinCostFlowGraph::<i64>::new(items + people + 2);
    for (at, item) in facts.items.iter().enumerate() {
        graph.add_edge(source, 1 + at, i64::from(item.wanted.max(0)), 0);
        for (number, who) in facts.candidates.iter().enumerate() {
            if facts.keeps_from(who, item).is_none() {
                let cost = match reason(who, item) {
                    Reason::OtherSector => 2,
                    Reason::AnySector => 1,
                    Reason::Sector | Reason::Language => 0,
                };
                graph.add_edge(1 + at, 1 + items + number, 1, cost);
            }
        }
    }
    // Each further review of one person costs more than the one before, by more than all knowledge of fields together.
    let step = 2 * wanted + 1;
    for (number, who) in facts.candidates.iter().enumerate() {
        let most = who.profile.max_load.min(
            who.load
                .saturating_add(i32::try_from(items).unwrap_or(i32::MAX)),
        );
        for load in who.load..most {
            graph.add_edge(1 + items + number, sink, 1, step * i64::from(load));
        }
    }
    graph.flow(source, sink, wanted);
    let mut pairs = Vec::new();
    for edge in graph.edges().iter().filter(|edge| edge.flow > 0) {
        let item = edge.from.checked_sub(1).and_then(|at| facts.items.get(at));
        let number = edge.to.checked_sub(1 + items);
        let who = number.and_then(|number| facts.candidates.get(number));
        if let (Some(item), Some(who)) = (item, who) {
            pairs.push(Pair {
                application_id: item.application,
                account_id: who.account,
                reasons: vec![Reason::Language, reason(who, item)],
            });
        }
    }
    pairs.sort_by_key(|pair| (pair.application_id, pair.account_id));
    let loads = loads(facts, &pairs);
    let unmet = unmet(facts, &pairs, &loads);
    Plan {
        pairs,
        unmet,
        loads,
    }
}

fn count(pairs: &[Pair], wanted: impl Fn(&Pair) -> bool) -> i32 {
    let count = pairs.iter().filter(|pair| wanted(pair)).count();
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn loads(facts: &Facts, pairs: &[Pair]) -> Vec<Load> {
    let load = |who: &Candidate| Load {
        account_id: who.account,
        before: who.load,
        after: who.load + count(pairs, |pair| pair.account_id == who.account),
    };
    facts.candidates.iter().map(load).collect()
}

fn unmet(facts: &Facts, pairs: &[Pair], loads: &[Load]) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for item in &facts.items {
        let given = count(pairs, |pair| pair.application_id == item.application);
        if given >= item.wanted {
            continue;
        }
        let mut excluded = BTreeMap::new();
        let chosen = |who: &Candidate| {
            let mut pairs = pairs.iter();
            pairs.any(|pair| {
                (pair.application_id, pair.account_id) == (item.application, who.account)
            })
        };
        for (who, load) in facts.candidates.iter().zip(loads) {
            if chosen(who) {
                continue;
            }
            let full = (load.after >= who.profile.max_load).then_some(Exclusion::Full);
            if let Some(why) = facts.keeps_from(who, item).or(full) {
                *excluded.entry(why.as_str().to_owned()).or_insert(0) += 1;
            }
        }
        unmet.push(Unmet {
            application_id: item.application,
            missing: item.wanted - given,
            excluded,
        });
    }
    unmet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Actor, Grant, Scope};
    use crate::db::{Json, Moment};
    use crate::network::{CallId, ProgrammeId};
    use proptest::prelude::*;

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128 + 1)
    }

    fn call() -> Call {
        let at = Moment::new("2026-03-02T09:00:00Z".parse().unwrap());
        Call {
            id: CallId(id(0)),
            slug: "call".into(),
            programme_id: ProgrammeId(id(0)),
            cohort_id: None,
            names: Json(serde_json::json!({})),
            opens_at: at,
            closes_at: at,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn candidate(
        number: usize,
        languages: Vec<Lang>,
        sector: Sector,
        load: i32,
        most: i32,
    ) -> Candidate {
        let account = AccountId(id(1000 + number));
        let grant = Grant {
            role: Role::Reviewer,
            scope: Scope::Network,
        };
        Candidate {
            account,
            rights: Caller {
                actor: Actor::Account(account),
                grants: vec![grant],
                ..Caller::nobody()
            },
            profile: Profile {
                sectors: vec![sector],
                languages,
                region: None,
                max_load: most,
            },
            organisations: BTreeSet::new(),
            load,
        }
    }

    fn item(number: usize, language: Lang, wanted: i32) -> Item {
        Item {
            application: ApplicationId(id(number)),
            project: ProjectId(id(number)),
            region: Some("BE1".into()),
            language,
            sector: Sector::Medtech,
            organisations: BTreeSet::new(),
            known: BTreeSet::new(),
            wanted,
        }
    }

    fn facts(candidates: Vec<Candidate>, items: Vec<Item>) -> Facts {
        Facts {
            call: call(),
            blind: true,
            avoid_own_region: true,
            avoid_own_organisation: true,
            candidates,
            items,
            conflicts: BTreeSet::new(),
        }
    }

    fn language() -> impl Strategy<Value = Lang> {
        prop_oneof![Just(Lang::Fr), Just(Lang::Nl)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn nobody_gets_what_is_forbidden_or_too_much_and_no_need_stays_open_for_nothing(
            people in prop::collection::vec((language(), any::<bool>(), 0..3_i32, 0..6_i32), 1..8),
            wanted in prop::collection::vec((language(), 0..4_i32), 1..9),
            conflicts in prop::collection::btree_set((0..8_usize, 0..9_usize), 0..20),
        ) {
            let candidates = people.iter().enumerate().map(|(number, (language, both, load, most))| {
                let languages = if *both { vec![Lang::Fr, Lang::Nl] } else { vec![*language] };
                candidate(number, languages, Sector::Pharma, *load, *most)
            });
            let items = wanted.iter().enumerate().map(|(number, (language, wanted))| item(number, *language, *wanted));
            let mut facts = facts(candidates.collect(), items.collect());
            facts.conflicts = conflicts
                .iter()
                .map(|(who, what)| (AccountId(id(1000 + who)), ProjectId(id(*what))))
                .collect();
            let plan = plan(&facts);
            let mut seen = BTreeSet::new();
            for pair in &plan.pairs {
                let who = facts.candidates.iter().find(|one| one.account == pair.account_id).unwrap();
                let item = facts.items.iter().find(|one| one.application == pair.application_id).unwrap();
                prop_assert_eq!(facts.keeps_from(who, item), None);
                prop_assert!(seen.insert((pair.application_id, pair.account_id)), "twice");
            }
            for load in &plan.loads {
                let who = facts.candidates.iter().find(|one| one.account == load.account_id).unwrap();
                prop_assert!(load.after <= who.profile.max_load.max(load.before));
            }
            for item in &facts.items {
                let given = count(&plan.pairs, |pair| pair.application_id == item.application);
                let unmet = plan.unmet.iter().find(|one| one.application_id == item.application);
                prop_assert_eq!(given + unmet.map_or(0, |one| one.missing), item.wanted);
                // Everybody who is not chosen is left out for a reason that is shown.
                if let Some(unmet) = unmet {
                    let left_out: i32 = unmet.excluded.values().sum();
                    prop_assert_eq!(usize::try_from(left_out + given).unwrap(), facts.candidates.len());
                }
            }
        }

        #[test]
        fn the_load_is_even_where_nothing_stands_in_the_way(
            people in 1..9_usize,
            items in 1..12_usize,
            wanted in 1..4_i32,
        ) {
            let candidates = (0..people).map(|number| {
                let sector = if number % 2 == 0 { Sector::Medtech } else { Sector::Pharma };
                candidate(number, vec![Lang::Fr], sector, 0, 100)
            });
            let items = (0..items).map(|number| item(number, Lang::Fr, wanted));
            let plan = plan(&facts(candidates.collect(), items.collect()));
            let loads: Vec<i32> = plan.loads.iter().map(|one| one.after).collect();
            let (most, least) = (loads.iter().max().unwrap(), loads.iter().min().unwrap());
            prop_assert!(most - least <= 1, "{:?}", loads);
        }
    }

    #[test]
    fn of_two_who_are_free_the_one_who_knows_the_field_reviews() {
        let candidates = vec![
            candidate(0, vec![Lang::Fr], Sector::Pharma, 0, 9),
            candidate(1, vec![Lang::Fr], Sector::Medtech, 0, 9),
        ];
        let plan = plan(&facts(candidates, vec![item(0, Lang::Fr, 1)]));
        assert_eq!(plan.pairs[0].account_id, AccountId(id(1001)));
        assert_eq!(plan.pairs[0].reasons, [Reason::Language, Reason::Sector]);
    }
}
