//! A fact before it is written, and an event after.

use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::schema::{events, ledger_heads};
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

    /// The region alone in whose scope the fact lies. It is no entry of the project's chain, where its people would see
    /// it, or a hole in its place.
    #[must_use]
    pub fn among_staff(mut self, region: Option<&str>) -> Self {
        self.region = region.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// Adds what changed, before and after, without what stayed the same. Nothing comes before what is new, and nothing
    /// after what is gone: that side is null, and the other one whole.
    #[must_use]
    pub fn changed(mut self, mut before: Value, mut after: Value) -> Self {
        if let (Value::Object(before), Value::Object(after)) = (&mut before, &mut after) {
            let old = before.clone();
            before.retain(|name, value| after.get(name) != Some(value));
            after.retain(|name, value| old.get(name) != Some(value));
        }
        if let Value::Object(data) = &mut self.data {
            data.insert("before".into(), before);
            data.insert("after".into(), after);
        }
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
    /// Whose chain it is an entry of: the project's, or else its subject's. None for events older than the chains.
    pub chain: Option<EventId>,
    /// Its place in the chain: 1, 2, 3 and so on without a hole.
    pub chain_seq: Option<i64>,
    /// The code over its content and the entry before it.
    pub mac: Option<String>,
}

/// The end of a chain.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = ledger_heads)]
pub struct Head {
    pub chain: EventId,
    pub length: i64,
    pub mac: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_noted() {
        let fact = Fact::new("a.b", "a", Uuid::nil()).data(json!({"id": 1}));
        let changed = fact
            .clone()
            .changed(json!({"x": 1, "y": 2}), json!({"x": 1, "y": 3}));
        assert_eq!(
            changed.data,
            json!({"id": 1, "before": {"y": 2}, "after": {"y": 3}})
        );
        let new = fact.changed(Value::Null, json!({"x": 1}));
        assert_eq!(
            new.data,
            json!({"id": 1, "before": null, "after": {"x": 1}})
        );
    }
}
