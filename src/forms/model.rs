//! One version of a call's form.

use diesel::prelude::*;

use super::definition::Definition;
use crate::auth::AccountId;
use crate::db::schema::forms;
use crate::db::{Json, Moment};
use crate::error::Result;
use crate::network::CallId;

crate::ids! {
    /// One version of a call's form.
    FormId,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = forms)]
pub struct FormRow {
    pub id: FormId,
    pub call_id: CallId,
    pub number: i32,
    pub definition: Json,
    pub in_use_since: Option<Moment>,
    pub created_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// One version of a call's form.
#[derive(Debug, Clone)]
pub struct Form {
    pub id: FormId,
    pub call_id: CallId,
    /// 1, 2, 3 and so on, for each call.
    pub number: i32,
    pub definition: Definition,
    /// Since when an application answers it; from then on it never changes.
    pub in_use_since: Option<Moment>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Form {
    /// Reads a row.
    ///
    /// # Errors
    /// When the column holds no form.
    pub fn read(row: FormRow) -> Result<Self> {
        let definition = serde_json::from_value(row.definition.0).map_err(anyhow::Error::from)?;
        Ok(Self {
            id: row.id,
            call_id: row.call_id,
            number: row.number,
            definition,
            in_use_since: row.in_use_since,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }

    /// Whether it may still change in place: nobody answers it, and its call has not been open yet.
    #[must_use]
    pub fn is_open_to_change(&self, opens_at: Moment, now: Moment) -> bool {
        self.in_use_since.is_none() && now < opens_at
    }
}
