//! What happens to a place: offered, confirmed, given up, expired, withdrawn; and how the waiting list moves.

use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};

use super::model::{Place, PlaceId, PlaceState, Refusal, Room, Settings, Taken, Verdict};
use super::{actions, store};
use crate::app::{App, Tx};
use crate::applications::{self, Application, Outcome};
use crate::auth::Caller;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::jobs::{self, Task};
use crate::journey::{self, Admission};
use crate::network::{self, CallId, CohortId, Pillar};
use crate::projects::{self, State, may_represent};

/// The job that reminds of a place and ends it.
pub const TEND: &str = "tend_place";

/// How much room a cohort has left. Taken under the cohort's lock, so that no two take the last place.
///
/// # Errors
/// `not-found` where there is no such cohort.
pub fn room(conn: &mut Conn, cohort: CohortId, settings: Option<&Settings>) -> Result<Room> {
    let cohort = network::lock_cohort(conn, cohort)?;
    let programme = network::programme(conn, cohort.programme_id)?;
    let open = store::open_places(conn, cohort.id)?;
    let offered: i64 = open.iter().map(|(_, count)| count).sum();
    let (taken, _) = journey::places_taken(conn, cohort.id, None)?;
    let mut quotas = Vec::new();
    for (region, places) in network::places_of(conn, cohort.id)? {
        let (_, inside) = journey::places_taken(conn, cohort.id, Some(&region))?;
        let waiting = open.iter().find(|(one, _)| one.as_ref() == Some(&region));
        let left = i64::from(places) - inside - waiting.map_or(0, |(_, count)| *count);
        quotas.push((region, left));
    }
    Ok(Room {
        free: i64::from(cohort.capacity) - taken - offered,
        quotas,
        served: programme.regions,
        beyond: settings.is_some_and(|one| one.offer_beyond_capacity),
    })
}

/// Offers a place. Whoever calls this has seen to it that there is room.
pub fn offer(
    tx: &mut Tx<'_>,
    application: &Application,
    settings: &Settings,
    cohort: CohortId,
    pillar: Pillar,
) -> Result<()> {
    let days = i64::from(settings.confirm_within_days.unwrap_or_default());
    let place = Place {
        id: tx.new_id(),
        application_id: application.id,
        project_id: application.project_id,
        call_id: application.call_id,
        cohort_id: cohort,
        pillar,
        region: application.region.clone(),
        state: PlaceState::Offered,
        offered_at: tx.now,
        expires_at: tx.now.plus(Duration::days(days)),
        reminded_days_before: None,
        ended_at: None,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    };
    store::insert_place(tx, &place)?;
    record(tx, "place.offered", None, &place)?;
    let due = place.next_due(&settings.reminders(), tx.now);
    jobs::enqueue_at(tx, TEND, json!({ "place": place.id }), due)
}

/// Confirms a place: the project enters its cohort and pillar.
///
/// # Errors
/// `not-allowed`, `place-not-open`, or what keeps the project out.
pub fn confirm(tx: &mut Tx<'_>, id: PlaceId, seen: &Seen) -> Result<Place> {
    let place = answerable(tx, id, seen)?;
    let project = projects::lock(tx.conn, &Caller::system(), place.project_id)?;
    let admission = Admission {
        application: place.application_id.0,
        cohort: place.cohort_id,
        pillar: place.pillar,
        feedback: None,
    };
    journey::admit(tx, &project, &admission)?;
    end(tx, &place, PlaceState::Confirmed, "place.confirmed")
}

/// Gives a place up; the waiting list moves.
///
/// # Errors
/// `not-allowed`, `place-not-open`.
pub fn give_up(tx: &mut Tx<'_>, id: PlaceId, seen: &Seen) -> Result<Place> {
    let place = answerable(tx, id, seen)?;
    let place = end(tx, &place, PlaceState::GivenUp, "place.given_up")?;
    refill(tx, place.call_id, place.cohort_id)?;
    Ok(place)
}

/// An open place, for those who speak for its project.
fn answerable(tx: &mut Tx<'_>, id: PlaceId, seen: &Seen) -> Result<Place> {
    let place = store::lock_place(tx.conn, tx.caller, id)?;
    if !may_represent(tx.caller, place.project_id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(place.version)?;
    if !place.is_open(tx.now) {
        return Err(Refusal::PlaceNotOpen.into());
    }
    Ok(place)
}

/// Takes an open place back, because its decision was.
pub fn withdraw(tx: &mut Tx<'_>, place: &Place) -> Result<()> {
    let place = store::lock_place(tx.conn, &Caller::system(), place.id)?;
    if place.state != PlaceState::Offered {
        return Err(Refusal::PlaceConfirmed.into());
    }
    end(tx, &place, PlaceState::Withdrawn, "place.withdrawn")?;
    refill(tx, place.call_id, place.cohort_id)
}

fn end(tx: &mut Tx<'_>, place: &Place, state: PlaceState, kind: &'static str) -> Result<Place> {
    let ended = Place {
        state,
        ended_at: Some(tx.now),
        ..place.clone()
    };
    let ended = store::keep_place(tx, &ended)?;
    record(tx, kind, Some(place), &ended)?;
    Ok(ended)
}

/// Offers what is free to those who wait, in the order of their ranks, as far as their regions have room.
fn refill(tx: &mut Tx<'_>, call: CallId, cohort: CohortId) -> Result<()> {
    let settings = store::settings(tx.conn, call)?;
    if settings.is_none_or(|one| one.confirm_within_days.is_none()) {
        return Ok(());
    }
    let mut room = room(tx.conn, cohort, None)?;
    for (decided, project) in store::waiting(tx.conn, call, cohort)? {
        let takes_part = matches!(project.state, State::Active | State::OnHold);
        if !takes_part && room.take(project.region.as_deref()).is_empty() {
            move_up(tx, &decided)?;
        }
    }
    Ok(())
}

/// Accepts somebody from the waiting list. Nobody in particular does that.
fn move_up(tx: &mut Tx<'_>, decided: &Taken) -> Result<()> {
    let verdict = Verdict {
        outcome: Outcome::Accept,
        cohort_id: decided.cohort_id,
        pillar: decided.pillar,
        rank: None,
        reasons: Vec::new(),
        feedback: applications::find(tx.conn, decided.application_id)?.feedback,
    };
    let (caller, id, decision) = (
        &Caller::system(),
        decided.application_id,
        verdict.decision(),
    );
    let (app, now, request_id) = (tx.app, tx.now, tx.request_id);
    let tx = &mut Tx {
        conn: &mut *tx.conn,
        app,
        now,
        caller,
        request_id,
    };
    let (application, project) = applications::decide(tx, id, &Seen::Any, &decision)?;
    actions::follow_up(tx, &application, &project, &verdict, true)
}

/// Does what is due about a place: reminds of it, or ends it. Doing it twice changes nothing.
pub async fn tend_by_job(app: Arc<App>, task: Task) -> jobs::Outcome {
    let Some(id) = task.noted_id("place").map(PlaceId) else {
        return jobs::Outcome::Fail("the work names no place".into());
    };
    match app.run(Caller::system(), move |tx| tend(tx, id)).await {
        Ok(()) => jobs::Outcome::Done,
        Err(error) if error.code() == Some("not-found") => {
            jobs::Outcome::Fail("the place is gone".into())
        }
        Err(error) => jobs::Outcome::Retry(error.to_string()),
    }
}

fn tend(tx: &mut Tx<'_>, id: PlaceId) -> Result<()> {
    let mut place = store::lock_place(tx.conn, tx.caller, id)?;
    if place.state != PlaceState::Offered {
        return Ok(());
    }
    if !place.is_open(tx.now) {
        end(tx, &place, PlaceState::Expired, "place.expired")?;
        return refill(tx, place.call_id, place.cohort_id);
    }
    let settings = store::settings(tx.conn, place.call_id)?;
    let days_before = settings.map_or_else(Vec::new, |one| one.reminders());
    if let Some(days) = place.reminder_due(&days_before, tx.now) {
        let before = place.clone();
        place.reminded_days_before = Some(days);
        place = store::keep_place(tx, &place)?;
        record(tx, "place.reminded", Some(&before), &place)?;
    }
    let due = place.next_due(&days_before, tx.now);
    jobs::enqueue_at(tx, TEND, json!({ "place": id }), due)
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    before: Option<&Place>,
    place: &Place,
) -> Result<()> {
    let noted = |one: &Place| {
        json!({
            "state": one.state, "expires_at": one.expires_at, "reminded_days_before": one.reminded_days_before,
        })
    };
    let data = json!({
        "application_id": place.application_id, "cohort_id": place.cohort_id, "pillar": place.pillar,
    });
    let fact = Fact::new(kind, "place", place.id.0)
        .within(place.project_id.0, place.region.as_deref())
        .data(data)
        .changed(before.map_or(Value::Null, noted), noted(place));
    events::record(tx, fact).map(|_| ())
}
