//! How much CPU time processes have used, as the kernel counts it: in clock ticks, a hundredth of a second as a rule.

use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;

static TICKS: LazyLock<u32> = LazyLock::new(|| {
    let told = Command::new("getconf").arg("CLK_TCK").output();
    let told = told.map(|output| output.stdout).unwrap_or_default();
    let ticks = String::from_utf8_lossy(&told).trim().parse();
    ticks.unwrap_or(100)
});

/// What `/proc/…/stat` says of a process.
struct Stat {
    parent: u32,
    own: u32,
    of_ended_children: u32,
}

/// All threads of a process.
///
/// # Errors
/// When it is gone.
pub fn used_by(process: u32) -> anyhow::Result<Duration> {
    Ok(in_time(stat(process)?.own))
}

/// A process and its children, those that have ended too.
///
/// # Errors
/// When it is gone.
pub fn used_by_family(parent: u32) -> anyhow::Result<Duration> {
    let first = stat(parent)?;
    let mut used = first.own + first.of_ended_children;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let process = entry.file_name().to_string_lossy().parse();
        // A process that ends meanwhile is counted by its parent the next time.
        if let Ok(Ok(child)) = process.map(stat)
            && child.parent == parent
        {
            used += child.own;
        }
    }
    Ok(in_time(used))
}

fn in_time(ticks: u32) -> Duration {
    Duration::from_secs(1) * ticks / *TICKS
}

fn stat(process: u32) -> anyhow::Result<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat
        .rsplit_once(')')
        .context("/proc/…/stat is not as expected")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| {
        let field = fields.get(at).and_then(|field| field.parse::<u32>().ok());
        field.context("/proc/…/stat lacks a number")
    };
    // After the name: the parent is the second field; utime, stime, cutime and cstime follow from the twelfth on.
    Ok(Stat {
        parent: number(1)?,
        own: number(11)? + number(12)?,
        of_ended_children: number(13)? + number(14)?,
    })
}
