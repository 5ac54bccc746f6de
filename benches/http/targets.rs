//! What was aimed at, and what was measured of it.

use crate::figures::Figures;
use crate::footprint::Footprint;
use crate::operations::Operation;
use crate::report::Waiting;
use crate::rounds::Measured;

/// One line of the table.
pub struct Row {
    pub what: String,
    pub database: &'static str,
    /// What the figure is a figure of.
    pub measure: &'static str,
    pub target: Target,
    pub measured: f64,
    pub unit: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

pub const SQLITE: &str = "SQLite";
pub const POSTGRESQL: &str = "PostgreSQL";

impl Row {
    pub fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(limit) => self.measured <= limit,
            Target::AtLeast(limit) => self.measured >= limit,
        }
    }

    pub fn target(&self) -> String {
        let (sign, limit) = match self.target {
            Target::AtMost(limit) => ('≤', limit),
            Target::AtLeast(limit) => ('≥', limit),
        };
        format!("{sign} {limit} {}", self.unit)
    }

    pub fn measured(&self) -> String {
        let digits = if self.measured >= 20.0 { 0 } else { 2 };
        format!("{:.digits$} {}", self.measured, self.unit)
    }

    pub fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "not met" }
    }
}

/// An operation against the floor; none where nothing was aimed at.
pub fn of_operation(measured: &Measured, database: &'static str) -> Option<Row> {
    let on_sqlite = database == SQLITE;
    let target = match measured.operation {
        Operation::ReadProject | Operation::Unchanged => Target::AtMost(1.5),
        Operation::ListProjects => Target::AtMost(1.3),
        Operation::Dashboard => Target::AtMost(3.0),
        Operation::Search => Target::AtMost(0.05),
        Operation::CreateApplication => Target::AtLeast(if on_sqlite { 2.0 } else { 0.7 }),
        Operation::Transition => Target::AtLeast(if on_sqlite { 2.0 } else { 0.6 }),
        Operation::Scores | Operation::Submit => return None,
    };
    let writes = measured.operation.writes();
    let figure = if writes {
        Figures::rate
    } else {
        Figures::cpu_each
    };
    Some(Row {
        what: measured.operation.name().to_owned(),
        database,
        measure: if writes {
            "throughput, 64 clients"
        } else {
            "CPU for each"
        },
        target,
        measured: figure(&measured.ours) / figure(&measured.beside),
        unit: "×",
    })
}

pub fn of_saturation(waiting: &Waiting) -> Row {
    Row {
        what: "read one project while 64 clients write".to_owned(),
        database: waiting.database,
        measure: "p99 against unloaded",
        target: Target::AtMost(5.0),
        measured: waiting.ratio(),
        unit: "×",
    }
}

pub fn of_growth(measured: &Measured, projects: u64) -> Row {
    Row {
        what: format!(
            "{}, among {} projects",
            measured.operation.name(),
            grouped(projects)
        ),
        database: SQLITE,
        measure: "CPU against 1 000 projects",
        target: Target::AtMost(1.5),
        measured: measured.ours.cpu_each() / measured.beside.cpu_each(),
        unit: "×",
    }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{} {:03}", grouped(thousands), number % 1000),
    }
}

pub fn of_footprint(footprint: &Footprint) -> [Row; 2] {
    [
        Row {
            what: "idle memory".to_owned(),
            database: SQLITE,
            measure: "VmRSS after 5 s",
            target: Target::AtMost(60.0),
            measured: footprint.idle,
            unit: "MB",
        },
        Row {
            what: "start, migrations applied".to_owned(),
            database: SQLITE,
            measure: "until ready, median of 7",
            target: Target::AtMost(300.0),
            measured: footprint.start,
            unit: "ms",
        },
    ]
}
