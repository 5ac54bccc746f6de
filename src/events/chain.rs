//! How an entry is signed: over everything it says and the code of the entry before it (docs/adr/0009).

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Event;
use crate::app::Tx;
use crate::auth::secrets::Signer;
use crate::canonical;

/// The code of an entry that follows the one with the code `previous`. Its `seq` is left out: the database gives it
/// when the row is written.
#[must_use]
pub fn code(signer: &Signer, previous: &str, event: &Event) -> String {
    let said = json!([
        "entry",
        previous,
        event.chain,
        event.chain_seq,
        event.id,
        event.at.utc().timestamp_micros(),
        event.actor_kind,
        event.actor_id,
        event.kind,
        event.subject_kind,
        event.subject_id,
        event.project_id,
        event.region,
        event.request_id,
        event.data.0,
    ]);
    signer.sign(&canonical::text(&said))
}

/// What the ledger keeps of a text: enough to tell whether it changed and whether somebody quotes it truly, and nothing
/// that can be read or, without the secret, be guessed.
#[must_use]
pub fn fingerprint(tx: &Tx<'_>, text: impl Into<Value>) -> Value {
    match text.into() {
        Value::Null => Value::Null,
        text => tx
            .app
            .ledger
            .sign(&canonical::text(&json!(["text", text])))
            .into(),
    }
}

/// An id that stands for a text without telling it, always the same one for the same text.
#[must_use]
pub fn nameless(tx: &Tx<'_>, text: &str) -> Uuid {
    let code = tx.app.ledger.sign(&canonical::text(&json!(["id", text])));
    let half = code.get(..32).and_then(|half| Uuid::try_parse(half).ok());
    half.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secrets::Secrets;
    use crate::db::{Json, Moment};
    use crate::events::EventId;
    use uuid::Uuid;

    fn event() -> Event {
        let id = |n| EventId(Uuid::from_u128(n));
        Event {
            seq: 9,
            id: id(1),
            at: Moment::new("2026-03-02T09:00:00Z".parse().unwrap()),
            actor_kind: "account".into(),
            actor_id: Some(id(2)),
            kind: "a.b".into(),
            subject_kind: "project".into(),
            subject_id: id(3),
            project_id: Some(id(3)),
            region: None,
            request_id: "r".into(),
            data: Json(json!({"x": 1})),
            chain: Some(id(3)),
            chain_seq: Some(4),
            mac: None,
        }
    }

    #[test]
    fn the_code_depends_on_everything_but_the_database_s_own_number() {
        let signer = Secrets::new("0123456789abcdef0123456789abcdef", "").signer("ledger");
        let code = |previous: &str, change: &dyn Fn(&mut Event)| {
            let mut event = event();
            change(&mut event);
            code(&signer, previous, &event)
        };
        let was = code("p", &|_| ());
        assert_eq!(was, code("p", &|event| event.seq = 10));
        let changes: [&dyn Fn(&mut Event); 13] = [
            &|event| event.id.0 = Uuid::from_u128(7),
            &|event| event.at = event.at.plus(chrono::Duration::microseconds(1)),
            &|event| event.actor_kind = "system".into(),
            &|event| event.actor_id = None,
            &|event| event.kind = "a.c".into(),
            &|event| event.subject_kind = "account".into(),
            &|event| event.subject_id.0 = Uuid::from_u128(7),
            &|event| event.project_id = None,
            &|event| event.region = Some("BE1".into()),
            &|event| event.request_id = "s".into(),
            &|event| event.data.0 = json!({"x": 2}),
            &|event| event.chain = Some(EventId(Uuid::from_u128(7))),
            &|event| event.chain_seq = Some(5),
        ];
        for (at, change) in changes.iter().enumerate() {
            assert_ne!(was, code("p", change), "{at}");
        }
        assert_ne!(was, code("q", &|_| ()));
        let other = Secrets::new("another", "").signer("ledger");
        assert_ne!(was, super::code(&other, "p", &event()));
    }
}
