//! Requests of founders, each with a token of their own.

use std::sync::LazyLock;
use std::time::SystemTime;

use colonnade::auth::secrets::Secrets;
use colonnade::auth::tokens::{Access, Tokens};
use colonnade::auth::{AccountId, SessionId};
use colonnade::db::Moment;

use crate::client::Request;
use crate::databases::SECRET;
use crate::operations::{Row, Share};

const MINUTES: i64 = 60;
/// Makes tokens as the server does, so that nobody of many thousand founders has to sign in.
static TOKENS: LazyLock<Tokens> = LazyLock::new(|| Tokens::new(&Secrets::new(SECRET, ""), MINUTES));

/// The next draft of a share, submitted by its founder; the shares take turns, so that no draft comes twice.
pub fn submission(share: &Share, drafts: u64) -> Option<Request> {
    let number = share.sent * share.connections + share.connection;
    let path = format!("/v1/applications/{}/submit", Row::Entrant.id(number));
    let access = Access {
        account: AccountId(Row::Founder.id(number)),
        session: SessionId(Row::Session.id(number)),
    };
    let now = Moment::new(SystemTime::now().into());
    let token = TOKENS.issue(access, Row::Session.id(number), now).ok()?;
    (number < drafts).then(|| Request::empty_post(path).with("if-match", "*").by(token))
}
