//! The world of the matrix, written out: who has what, who works for what, which project lies where.
//!
//! `world` makes it real through the API; `oracle` reasons over it. Neither knows how the product decides.

/// Where a right holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Network,
    Region(&'static str),
    Organisation(&'static str),
    Programme(&'static str),
    Cohort(&'static str),
    Project(&'static str),
}

/// A role and where it holds.
pub type Right = (&'static str, Place);

/// How somebody stands at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Signed in.
    In,
    /// Has shown something that is worth nothing (any more).
    Out,
}

/// Somebody with an account.
pub struct Person {
    pub name: &'static str,
    pub rights: &'static [Right],
    /// Projects that they are assigned to now, in whatever role.
    pub works_for: &'static [&'static str],
    /// Projects that they coach now.
    pub coaches: &'static [&'static str],
    /// Projects that they were assigned to once.
    pub worked_for: &'static [&'static str],
    pub standing: Standing,
}

const fn person(name: &'static str, rights: &'static [Right]) -> Person {
    Person {
        name,
        rights,
        works_for: &[],
        coaches: &[],
        worked_for: &[],
        standing: Standing::In,
    }
}

const fn out(name: &'static str, rights: &'static [Right]) -> Person {
    Person {
        standing: Standing::Out,
        ..person(name, rights)
    }
}

const fn coach(
    name: &'static str,
    rights: &'static [Right],
    coaches: &'static [&'static str],
) -> Person {
    Person {
        works_for: coaches,
        coaches,
        ..person(name, rights)
    }
}

const fn coordinator(
    name: &'static str,
    rights: &'static [Right],
    works_for: &'static [&'static str],
) -> Person {
    Person {
        works_for,
        ..person(name, rights)
    }
}

use Place::{Cohort, Network, Organisation, Programme, Project, Region};

/// The first programme serves all regions, the second only BE2 and BE3.
pub const PROGRAMMES: [&str; 2] = ["medtech-accelerator", "belgian-medtech-booster"];
/// Who leads the first pillar everywhere.
pub const LEAD: &str = "bhic";

/// Everybody, in the order in which they come.
pub const PEOPLE: &[Person] = &[
    person("adam", &[("admin", Network)]),
    person("adele", &[("admin", Network)]),
    coordinator("carl", &[("coordinator", Region("BE1"))], &["pa", "pc"]),
    coordinator("cora", &[("coordinator", Region("BE2"))], &["pb"]),
    coordinator(
        "gus",
        &[
            ("coordinator", Region("BE1")),
            ("coordinator", Region("BE3")),
        ],
        &["pe"],
    ),
    person("cyril", &[("coordinator", Cohort("c2"))]),
    person("petra", &[("coordinator", Programme(PROGRAMMES[1]))]),
    person("nina", &[("coordinator", Network)]),
    coach("coco", &[("coach", Network)], &["pa"]),
    coach("kim", &[("coach", Region("BE2"))], &["pb"]),
    Person {
        worked_for: &["pa"],
        ..person("forma", &[("coach", Network)])
    },
    person("rev", &[("reviewer", Region("BE1"))]),
    person("sita", &[("site_manager", Organisation("uz-gent-hiri"))]),
    person("pam", &[("partner", Region("BE1"))]),
    person("pia", &[("partner", Region("BE2"))]),
    person("pol", &[("partner", Cohort("c1"))]),
    person("pru", &[("partner", Programme(PROGRAMMES[0]))]),
    person("pax", &[("partner", Network)]),
    person("orla", &[("partner", Organisation(LEAD))]),
    // Was a coordinator of BE1 and is nothing now; the token from before is still good.
    person("dora", &[]),
    person(
        "ada",
        &[("owner", Project("pa")), ("viewer", Project("pd"))],
    ),
    person("ed", &[("editor", Project("pa"))]),
    person("vic", &[("viewer", Project("pa"))]),
    person("bob", &[("owner", Project("pb"))]),
    person("eva", &[("editor", Project("pb"))]),
    person("cleo", &[("owner", Project("pc"))]),
    person("dan", &[("owner", Project("pd"))]),
    person("eli", &[("owner", Project("pe"))]),
    person("fay", &[("owner", Project("pf"))]),
    person("eve", &[]),
    out("exa", &[("admin", Network)]),
    out("sol", &[("admin", Network)]),
    out("dirk", &[("coordinator", Region("BE1"))]),
    out("uma", &[("coordinator", Region("BE1"))]),
];

/// A key, its maker, its one right and what it may do.
pub struct Key {
    pub name: &'static str,
    pub maker: &'static str,
    pub right: Right,
    pub actions: &'static [&'static str],
    pub standing: Standing,
}

const fn key(
    name: &'static str,
    maker: &'static str,
    right: Right,
    actions: &'static [&'static str],
) -> Key {
    Key {
        name,
        maker,
        right,
        actions,
        standing: Standing::In,
    }
}

const ALL_ACTIONS: &[&str] = &["read:projects", "read:dashboards", "read:events"];

pub const KEYS: &[Key] = &[
    key(
        "kcarl",
        "carl",
        ("coordinator", Region("BE1")),
        &["read:projects"],
    ),
    key(
        "kevents",
        "carl",
        ("coordinator", Region("BE1")),
        &["read:events"],
    ),
    key("kcora", "cora", ("partner", Region("BE2")), ALL_ACTIONS),
    key(
        "kcyril",
        "cyril",
        ("partner", Cohort("c2")),
        &["read:projects", "read:dashboards"],
    ),
    key(
        "kpetra",
        "petra",
        ("coordinator", Programme(PROGRAMMES[1])),
        &["read:projects", "read:events"],
    ),
    key("kadam", "adam", ("coordinator", Network), ALL_ACTIONS),
    // Ran out, was revoked, and outlived its maker's right.
    Key {
        standing: Standing::Out,
        ..key("kold", "adam", ("coordinator", Network), ALL_ACTIONS)
    },
    Key {
        standing: Standing::Out,
        ..key("kgone", "carl", ("coordinator", Region("BE1")), ALL_ACTIONS)
    },
    Key {
        standing: Standing::Out,
        ..key(
            "korphan",
            "dora",
            ("coordinator", Region("BE1")),
            ALL_ACTIONS,
        )
    },
];

/// A cohort or a call, with the programme's place in `PROGRAMMES`; each call fills the cohort of its number.
pub const COHORTS: [(&str, &str, usize); 3] = [("c1", "k1", 0), ("c2", "k2", 0), ("c3", "k3", 1)];

/// One project and its application.
pub struct ProjectFact {
    pub name: &'static str,
    pub owner: &'static str,
    pub country: &'static str,
    pub postal_code: &'static str,
    pub region: Option<&'static str>,
    pub cohort: Option<&'static str>,
    pub shared: bool,
    /// Whether it has told everyone around it of a step.
    pub has_moved: bool,
    /// The application, and the cohort that its call fills.
    pub application: Option<(&'static str, &'static str)>,
}

const fn project(
    name: &'static str,
    owner: &'static str,
    postal_code: &'static str,
    region: &'static str,
) -> ProjectFact {
    ProjectFact {
        name,
        owner,
        country: "BE",
        postal_code,
        region: Some(region),
        cohort: None,
        shared: false,
        has_moved: false,
        application: None,
    }
}

/// `pa` and `pb` take part, `pe` did; `pc` has applied, `pd` drafts, `pf` lies in no region.
pub const PROJECTS: &[ProjectFact] = &[
    ProjectFact {
        cohort: Some("c3"),
        shared: true,
        has_moved: true,
        application: Some(("ae", "c3")),
        ..project("pe", "eli", "4000", "BE3")
    },
    ProjectFact {
        cohort: Some("c1"),
        has_moved: true,
        application: Some(("aa", "c1")),
        ..project("pa", "ada", "1000", "BE1")
    },
    ProjectFact {
        cohort: Some("c2"),
        shared: true,
        has_moved: true,
        application: Some(("ab", "c2")),
        ..project("pb", "bob", "2000", "BE2")
    },
    ProjectFact {
        shared: true,
        application: Some(("ac", "c1")),
        ..project("pc", "cleo", "1050", "BE1")
    },
    ProjectFact {
        application: Some(("ad", "c3")),
        ..project("pd", "dan", "3000", "BE2")
    },
    ProjectFact {
        country: "FR",
        region: None,
        shared: true,
        ..project("pf", "fay", "75001", "")
    },
];

/// A coaching session, its coach, who booked it, and the field that its private notes are known by.
pub struct SessionFact {
    pub name: &'static str,
    pub project: &'static str,
    pub coach: &'static str,
    pub booked_by: &'static str,
    pub private: &'static str,
}

/// The first was held, the second cancelled before its coach left, the third is to come.
pub const SESSIONS: [SessionFact; 3] = [
    SessionFact {
        name: "session of coco in pa",
        project: "pa",
        coach: "coco",
        booked_by: "coco",
        private: "private",
    },
    SessionFact {
        name: "session of forma in pa",
        project: "pa",
        coach: "forma",
        booked_by: "carl",
        private: "aside",
    },
    SessionFact {
        name: "session of kim in pb",
        project: "pb",
        coach: "kim",
        booked_by: "cora",
        private: "private",
    },
];

/// # Panics
/// Where the facts know no such project.
pub fn project_named(name: &str) -> &'static ProjectFact {
    PROJECTS
        .iter()
        .find(|one| one.name == name)
        .expect("a project of the facts")
}

pub fn person_named(name: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|one| one.name == name)
}
