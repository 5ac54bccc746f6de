//! How much the tests of faults do: a little at each change, all of it by `tests/faults`.

use std::io::Write;

/// One figure for each change, another for `COLONNADE_TEST_SCALE=full`.
pub fn scaled(reduced: usize, full: usize) -> usize {
    match std::env::var("COLONNADE_TEST_SCALE") {
        Ok(scale) if scale == "full" => full,
        _ => reduced,
    }
}

/// Says a line that is seen though the test passes: figures found, and what could not be tried here.
pub fn say(line: &str) {
    // The test runner holds back what the print macros write, and nothing else.
    let _ = writeln!(std::io::stderr(), "{line}");
}
