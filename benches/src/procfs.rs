//! What /proc says of processes and of the machine (proc(5)).

use std::fs;
use std::time::Duration;

use nix::unistd::Pid;

/// Linux counts times for user space in hundredths of a second (USER_HZ) on every architecture that these servers run on.
const TICKS_PER_SECOND: u64 = 100;

/// What a session's processes hold in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident, in bytes; pages that two processes share count twice.
    pub rss: u64,
    /// Resident, in bytes; shared pages count once, in parts.
    pub pss: u64,
}

/// Time that a program has used a processor. The kernel counts all of it exactly, and splits it by where it found the program
/// at each of its clock's ticks: the parts of a second or more are right to a few hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

impl CpuTime {
    /// All of it.
    #[must_use]
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What has been used since it was so much.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// The processes of a session: whatever a server forks stays in it.
#[must_use]
pub fn session(leader: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|pid| Stat::read(*pid).is_some_and(|stat| stat.session == leader.as_raw() && !stat.zombie))
        .collect()
}

/// Time of a session's processes, with what their ended children took.
#[must_use]
pub fn cpu(leader: Pid) -> CpuTime {
    let mut sum = CpuTime::default();
    for stat in session(leader).into_iter().filter_map(Stat::read) {
        sum.user += stat.cpu.user;
        sum.system += stat.cpu.system;
    }
    sum
}

/// Memory of a session's processes.
#[must_use]
pub fn memory(leader: Pid) -> Memory {
    let mut sum = Memory::default();
    for pid in session(leader) {
        // One that has just ended holds nothing.
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        sum.rss += kibibytes(&rollup, "Rss:") << 10;
        sum.pss += kibibytes(&rollup, "Pss:") << 10;
    }
    sum
}

/// The most that each of a session's processes has had in memory, in bytes, together.
#[must_use]
pub fn memory_max(leader: Pid) -> u64 {
    let of = |pid| {
        kibibytes(
            &fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(),
            "VmHWM:",
        ) << 10
    };
    session(leader).into_iter().map(of).sum()
}

/// Time that the hypervisor has given to others while a core of ours wanted to run.
#[must_use]
pub fn steal() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.split_ascii_whitespace().nth(8).map_or(Duration::ZERO, ticks)
}

fn kibibytes(rollup: &str, key: &str) -> u64 {
    rollup
        .lines()
        .find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn ticks(text: &str) -> Duration {
    Duration::from_millis(text.parse::<u64>().unwrap_or(0) * 1000 / TICKS_PER_SECOND)
}

struct Stat {
    zombie: bool,
    session: i32,
    cpu: CpuTime,
}

impl Stat {
    fn read(pid: Pid) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The command's name may hold spaces and parentheses; what follows the last one has fields.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let &[utime, stime, cutime, cstime] = fields.get(11..)?.first_chunk()?;
        Some(Self {
            zombie: *fields.first()? == "Z",
            session: fields.get(3)?.parse().ok()?,
            cpu: CpuTime {
                user: ticks(utime) + ticks(cutime),
                system: ticks(stime) + ticks(cstime),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_be_named_anything() {
        let stat = Stat::parse("17 (a) Z (b)) S 1 17 16 0 -1 4194560 1 2 3 4 150 25 10 5 20 0 1 0").unwrap();
        assert!(!stat.zombie);
        assert_eq!(stat.session, 16);
        assert_eq!(stat.cpu.user, Duration::from_millis(1600));
        assert_eq!(stat.cpu.system, Duration::from_millis(300));
    }

    #[test]
    fn we_are_in_our_own_session_and_hold_memory() {
        let leader = nix::unistd::getsid(None).unwrap();
        assert!(session(leader).contains(&Pid::this()));
        let memory = memory(leader);
        assert!(memory.rss >= memory.pss && memory.pss > 0, "{memory:?}");
    }
}
