//! What the system says of a process: memory and processor time.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// Ticks of a second in `/proc/PID/stat`, on every architecture that Linux has.
const TICKS: u32 = 100;

/// One look at a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// The most it ever was.
    pub resident_most: u64,
    /// Time on a processor since it began.
    pub cpu: Duration,
}

/// Looks at a process.
pub fn usage(id: u32) -> Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let bytes = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib
            .with_context(|| format!("{name} of process {id}"))?
            .parse::<u64>()?
            * 1024)
    };
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name of the program is the only field that may hold spaces; it ends with the last bracket.
    let (_, fields) = stat.rsplit_once(')').context("the name of the program")?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u32>)
        .sum::<Result<u32, _>>()?;
    Ok(Usage {
        resident: bytes("VmRSS")?,
        resident_most: bytes("VmHWM")?,
        cpu: Duration::from_secs(1) * ticks / TICKS,
    })
}

/// Processor time of this process.
pub fn own_cpu() -> Result<Duration> {
    Ok(usage(std::process::id())?.cpu)
}
