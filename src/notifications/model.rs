//! What a notification is.

use diesel::prelude::*;

use crate::auth::AccountId;
use crate::db::schema::notifications;
use crate::db::{Json, Moment};

crate::ids! {
    /// One message to one person about one event.
    NotificationId,
    /// The project that a message is about.
    ProjectRef,
}

/// One message to one person about one event, in the application.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = notifications)]
pub struct Notification {
    pub id: NotificationId,
    pub account_id: AccountId,
    pub event_seq: i64,
    pub kind: String,
    pub template: String,
    pub context: Json,
    pub project_id: Option<ProjectRef>,
    pub is_read: bool,
    pub version: i64,
    pub created_at: Moment,
}
