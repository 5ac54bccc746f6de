//! Time and chance are inputs: the only places that ask what time it is or draw random bytes.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::db::Moment;

/// Tells the time.
pub trait Clock: Send + Sync {
    fn now(&self) -> Moment;
}

/// Draws unpredictable bytes.
pub trait Chance: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock of the machine.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn now(&self) -> Moment {
        Moment::new(chrono::Utc::now())
    }
}

/// A clock that stands where it was put: the demo lives through 2018 with it, tests through anything.
#[derive(Clone)]
pub struct SetClock(Arc<Mutex<Moment>>);

impl SetClock {
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        Self(Arc::new(Mutex::new(moment)))
    }

    pub fn set(&self, moment: Moment) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = moment;
    }

    pub fn pass(&self, span: chrono::Duration) {
        self.set(self.now().plus(span));
    }
}

impl Clock for SetClock {
    fn now(&self) -> Moment {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The operating system's randomness.
pub struct SystemChance;

/// Bytes drawn ahead: to draw as many takes hardly longer than to draw one id's.
struct Drawn {
    bytes: [u8; 1024],
    given: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 1024], given: 1024 }) };
}

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        DRAWN.with_borrow_mut(|drawn| {
            for byte in bytes {
                if drawn.given == drawn.bytes.len() {
                    draw(&mut drawn.bytes);
                    drawn.given = 0;
                }
                // What was given is nowhere else any more.
                *byte = drawn
                    .bytes
                    .get_mut(drawn.given)
                    .map(std::mem::take)
                    .unwrap_or_default();
                drawn.given += 1;
            }
        });
    }
}

/// The generator seeds itself from the kernel and fails only where the kernel has none to give; going on with
/// predictable bytes would be worse than stopping.
fn draw(bytes: &mut [u8]) {
    if aws_lc_rs::rand::fill(bytes).is_err() {
        std::process::abort();
    }
}

/// A fresh UUIDv7: ordered by time, so that new rows land at the end of an index.
#[must_use]
pub fn new_id(now: Moment, chance: &dyn Chance) -> Uuid {
    let mut random = [0u8; 10];
    chance.fill(&mut random);
    let millis = u64::try_from(now.utc().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
