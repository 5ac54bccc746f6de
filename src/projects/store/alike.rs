//! How projects are found that may be the same one as another.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::search::{search, search_any};
use super::{Boxed, inside};
use crate::auth::Caller;
use crate::db::Conn;
use crate::db::schema::projects;
use crate::error::Result;
use crate::projects::model::{Project, ProjectId, plain_title, web_domain};

/// More of one kind than anybody would look through.
const MANY: i64 = 50;
/// Of those who share a word only. They are compared one by one.
const MANY_BY_WORDS: i64 = 300;
/// Words of a title that are looked for, and how much of each: a slip in its end does no harm.
const WORDS: usize = 4;
const BEGINNING: usize = 5;
/// Hosts on which many have a page each. Sharing one says nothing.
pub const SHARED_HOSTS: &[&str] = &[
    "facebook.com",
    "github.com",
    "instagram.com",
    "linkedin.com",
    "linktr.ee",
    "medium.com",
    "sites.google.com",
    "twitter.com",
    "x.com",
    "youtube.com",
];

/// Projects with the number, the host or words of the title of another, or named by `known`. Only such as the caller sees from
/// inside: who knows a project by its name learns nothing more of it here.
///
/// # Errors
/// The database's.
pub fn may_be_one(
    conn: &mut Conn,
    caller: &Caller,
    project: &Project,
    known: Vec<ProjectId>,
) -> Result<Vec<Project>> {
    let mut found = BTreeMap::new();
    let mut keep = |conn: &mut Conn, query: Boxed, most: i64| -> Result<()> {
        let others = query.filter(projects::id.ne(project.id)).limit(most);
        let rows: Vec<Project> = others.select(Project::as_select()).load(conn)?;
        found.extend(rows.into_iter().map(|row| (row.id, row)));
        Ok(())
    };
    keep(
        conn,
        inside(caller).filter(projects::id.eq_any(known)),
        MANY,
    )?;
    if let Some(number) = project.enterprise_number.clone() {
        let same = inside(caller).filter(projects::enterprise_number.eq(number));
        keep(
            conn,
            same.filter(projects::country.eq(project.country.clone())),
            MANY,
        )?;
    }
    if let Some(host) = host(project) {
        keep(
            conn,
            inside(caller).filter(projects::web_domain.eq(host)),
            MANY,
        )?;
    }
    let every = search(conn, &project.title)?;
    keep(conn, inside(caller).filter(every), MANY)?;
    let any = search_any(conn, &beginnings(&project.title));
    keep(conn, inside(caller).filter(any), MANY_BY_WORDS)?;
    Ok(found.into_values().collect())
}

fn host(project: &Project) -> Option<String> {
    let host = web_domain(project.website.as_deref()?)?;
    (!SHARED_HOSTS.contains(&host.as_str())).then_some(host)
}

/// The beginnings of a title's longest words, which are the rarest.
fn beginnings(title: &str) -> Vec<String> {
    let plain = plain_title(title);
    let mut words: Vec<&str> = plain
        .split(' ')
        .filter(|word| word.chars().count() > 2)
        .collect();
    words.sort_by_key(|word| (std::cmp::Reverse(word.chars().count()), *word));
    words.dedup();
    let first = |word: &&str| word.chars().take(BEGINNING).collect();
    words.iter().take(WORDS).map(first).collect()
}
