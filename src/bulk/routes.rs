//! `POST /v1/bulk/applications`.

use actix_web::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions::{self, Deed, Done, Item};
use crate::applications::{ApplicationId, ReturnApplication, ScreenApplication, Tag};
use crate::auth::{AccountId, policy};
use crate::decisions::{DecideApplication, StageDecision};
use crate::error::{Blocker, FieldError, FieldErrors, Result};
use crate::http::{Ctx, Reply, Routes, Seen, Valid, problem};
use crate::lang::Lang;

pub fn register(routes: &mut Routes) {
    routes.add(bulk_applications, policy::STAFF);
}

/// What is done to each application.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Start or finish the screening of each.
    Screen { screening: ScreenApplication },
    /// Send each back to its founders.
    Return { back: ReturnApplication },
    /// Give each to the same reviewer.
    Assign { account_id: AccountId },
    /// Put the same tags on each.
    Tag {
        #[schema(max_items = 20, inline)]
        tags: Vec<Tag>,
    },
    /// Stage the same decision for each.
    Stage { decision: StageDecision },
    /// Take each staged decision away.
    Unstage,
    /// Release each staged decision by itself; a release of all or none is `POST /v1/calls/{id}/releases`.
    Release,
    /// Decide each at once.
    Decide { decision: DecideApplication },
    /// Take each decision back.
    Reverse {
        #[schema(min_length = 1, max_length = 2000)]
        reason: String,
    },
}

impl Command {
    fn deed(self) -> Result<Deed> {
        Ok(match self {
            Self::Screen { screening } => Deed::Screen(screening.step()?),
            Self::Return { back } => Deed::Return(back.into()),
            Self::Assign { account_id } => Deed::Assign(account_id),
            Self::Tag { tags } => Deed::Tag(tags.into_iter().map(|tag| tag.0).collect()),
            Self::Stage { decision } => Deed::Stage(decision.into()),
            Self::Unstage => Deed::Unstage,
            Self::Release => Deed::Release,
            Self::Decide { decision } => Deed::Decide(decision.into()),
            Self::Reverse { reason } => Deed::Reverse(reason),
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkItem {
    /// The application's.
    id: ApplicationId,
    /// The version that you have seen of what is changed: of the staged decision for `stage`, `unstage` and `release`, of
    /// the application for the others, but none for `assign`. If left out, whatever there is.
    version: Option<i64>,
}

impl From<BulkItem> for Item {
    fn from(item: BulkItem) -> Self {
        let seen = item
            .version
            .map_or(Seen::Any, |version| Seen::These(vec![version]));
        Self { id: item.id, seen }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    command: Command,
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<BulkItem>,
    /// Do everything, answer, and take it back.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize, ToSchema)]
struct BulkResult {
    id: ApplicationId,
    /// As the answer for this one alone would have.
    status: u16,
    version: Option<i64>,
    code: Option<String>,
    title: Option<String>,
    errors: Vec<FieldError>,
    blockers: Vec<Blocker>,
}

impl BulkResult {
    fn new(id: ApplicationId, done: Done, lang: Lang) -> Self {
        match done {
            Ok(version) => Self {
                id,
                status: if version.is_some() { 200 } else { 204 },
                version,
                code: None,
                title: None,
                errors: Vec::new(),
                blockers: Vec::new(),
            },
            Err(refused) => {
                let part = problem::of_part(*refused, lang);
                Self {
                    id,
                    status: part.status,
                    version: None,
                    code: Some(part.code),
                    title: Some(part.title),
                    errors: part.errors,
                    blockers: part.blockers,
                }
            }
        }
    }
}

#[derive(Serialize, ToSchema)]
struct BulkResults {
    dry_run: bool,
    done: usize,
    refused: usize,
    /// In the order of the items.
    results: Vec<BulkResult>,
}

/// Do one thing to a list of applications. Each is done or refused by itself, as if asked for alone; the answer is 200 and
/// says what became of each.
#[utoipa::path(tag = "decisions", request_body = Bulk, responses((status = 200, body = BulkResults)))]
#[post("/v1/bulk/applications")]
async fn bulk_applications(ctx: Ctx, body: Valid<Bulk>) -> Result<Reply> {
    let Valid(Bulk {
        command,
        items,
        dry_run,
    }) = body;
    let (deed, lang) = (command.deed()?, ctx.lang);
    let items: Vec<Item> = items.into_iter().map(Item::from).collect();
    each_once(&items)?;
    ctx.write(move |tx| {
        let done = actions::run(tx, &deed, &items, dry_run)?;
        let refused = done.iter().filter(|one| one.is_err()).count();
        let results = items
            .iter()
            .zip(done)
            .map(|(item, done)| BulkResult::new(item.id, done, lang));
        Reply::ok(&BulkResults {
            dry_run,
            done: items.len() - refused,
            refused,
            results: results.collect(),
        })
    })
    .await
}

fn each_once(items: &[Item]) -> Result<()> {
    let mut known = std::collections::BTreeSet::new();
    let mut errors = FieldErrors::default();
    for (at, item) in items.iter().enumerate() {
        if !known.insert(item.id) {
            errors.push(FieldError::new(format!("/items/{at}/id"), "repeated"));
        }
    }
    errors.done()
}
