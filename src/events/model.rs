//! A fact before it is written, and an event after.

use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::schema::events;
use crate::db::{Json, Moment};

crate::ids! {
    /// One row of the ledger.
    EventId,
}

/// Something that has just become true. It names people and texts by reference, never by value.
#[derive(Debug, Clone)]
pub struct Fact {
    pub kind: &'static str,
    pub subject_kind: &'static str,
    pub subject_id: Uuid,
    pub project_id: Option<Uuid>,
    pub region: Option<String>,
    pub data: Value,
}

impl Fact {
    /// A fact about one thing.
    #[must_use]
    pub fn new(kind: &'static str, subject_kind: &'static str, subject_id: Uuid) -> Self {
        Self {
            kind,
            subject_kind,
            subject_id,
            project_id: None,
            region: None,
            data: json!({}),
        }
    }

    /// The project and region in whose scope the fact lies.
    #[must_use]
    pub fn within(mut self, project: Uuid, region: Option<&str>) -> Self {
        self.project_id = Some(project);
        self.region = region.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// One row of the ledger.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct Event {
    pub seq: i64,
    pub id: EventId,
    pub at: Moment,
    pub actor_kind: String,
    pub actor_id: Option<EventId>,
    pub kind: String,
    pub subject_kind: String,
    pub subject_id: EventId,
    pub project_id: Option<EventId>,
    pub region: Option<String>,
    pub request_id: String,
    pub data: Json,
}

impl Event {
    /// A value that the fact noted, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.data
            .0
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// An id that the fact noted.
    #[must_use]
    pub fn noted_id(&self, name: &str) -> Option<Uuid> {
        self.text(name).parse().ok()
    }
}
