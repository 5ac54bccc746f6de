//! Crashes and faults, one file for each concern; reduced at each change, in full by `tests/faults`.

mod clocks;
mod disks;
mod idempotency;
mod instances;
mod kills;
mod load;
mod overload;
mod postgres;
mod power;
mod races;
mod slow;
mod stops;
