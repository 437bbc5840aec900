//! dnsperf, of DNS-OARC: the load of the comparison, which favours none of the servers. It keeps a fixed number of queries
//! under way, so it asks as fast as the server answers.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::error::BenchError;
use crate::process::Process;

const PROGRAM: &str = "dnsperf";

/// Clients with a socket each: enough that servers with several sockets (SO_REUSEPORT) get all of them used.
const UDP_CLIENTS: u32 = 32;

/// Clients with a connection each: PowerDNS takes 20 by default.
const TCP_CLIENTS: u32 = 16;

/// Queries under way together. The smallest of them takes 768 bytes of a socket's default 208 KiB, so none is dropped before
/// the server, however it empties its queue.
const OUTSTANDING: u32 = 200;

/// An unanswered query counts as lost after so many seconds.
const LOST_AFTER_SECONDS: u32 = 1;

/// How long it may take beyond its time, to wait for the last answers and to print.
const END_MAX: Duration = Duration::from_secs(10);

/// How queries are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// One connection for each client, used for all its queries.
    Tcp,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// The port of 127.0.0.1.
    pub port: u16,
    /// Where dnsperf runs.
    pub core: usize,
    /// The queries, one in a line.
    pub queries: &'a Path,
    /// How they are sent.
    pub transport: Transport,
    /// How long.
    pub time: Duration,
    /// Whether it stops at the end of the file, and does not start over.
    pub once: bool,
}

/// What dnsperf has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Answers a second.
    pub rate: f64,
    /// Queries that were sent.
    pub sent: u64,
    /// Queries that were answered.
    pub answered: u64,
    /// Queries that were not.
    pub lost: u64,
    /// From the first query to the last answer.
    pub seconds: f64,
    /// The part of the answers for each response code, by its name.
    pub rcodes: Vec<(String, u64)>,
    /// CPU time that dnsperf itself took.
    pub generator_cpu: Duration,
}

impl Figures {
    /// The part of the answers with a response code.
    #[must_use]
    pub fn share(&self, rcode: &str) -> f64 {
        let count: u64 = self
            .rcodes
            .iter()
            .filter(|(name, _)| name == rcode)
            .map(|(_, n)| n)
            .sum();
        count as f64 / self.answered.max(1) as f64
    }

    fn parse(output: &str, generator_cpu: Duration) -> Option<Self> {
        let field = |key: &str| {
            let value = output.lines().find_map(|line| line.trim().strip_prefix(key))?;
            value.split_ascii_whitespace().next()
        };
        Some(Self {
            rate: field("Queries per second:")?.parse().ok()?,
            sent: field("Queries sent:")?.parse().ok()?,
            answered: field("Queries completed:")?.parse().ok()?,
            lost: field("Queries lost:")?.parse().ok()?,
            seconds: field("Run time (s):")?.parse().ok()?,
            rcodes: rcodes(output)?,
            generator_cpu,
        })
    }
}

/// `Response codes: NOERROR 896231 (89.62%), NXDOMAIN 103769 (10.38%)`
fn rcodes(output: &str) -> Option<Vec<(String, u64)>> {
    let line = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("Response codes:"))?;
    line.split(',')
        .map(|part| {
            let mut words = part.split_ascii_whitespace();
            Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
        })
        .collect()
}

impl Load<'_> {
    /// Asks, and returns what came back.
    ///
    /// # Errors
    /// When dnsperf is not installed, fails, or prints something else than it does.
    pub fn run(&self, directory: &Path) -> Result<Figures, BenchError> {
        let mut command = Command::new(PROGRAM);
        command.args(["-s", "127.0.0.1", "-T", "1"]);
        command.arg("-d").arg(self.queries);
        let (mode, clients) = match self.transport {
            Transport::Udp => ("udp", UDP_CLIENTS),
            Transport::Tcp => ("tcp", TCP_CLIENTS),
        };
        for (option, value) in [
            ("-m", mode),
            ("-p", &self.port.to_string()),
            ("-l", &self.time.as_secs().to_string()),
            ("-c", &clients.to_string()),
            ("-q", &OUTSTANDING.to_string()),
            ("-t", &LOST_AFTER_SECONDS.to_string()),
        ] {
            command.args([OsStr::new(option), OsStr::new(value)]);
        }
        if self.once {
            command.args(["-n", "1"]);
        }
        let before = ended_children_cpu();
        let output = Process::start(PROGRAM, &command, directory, Some(self.core))?.finish(self.time + END_MAX)?;
        let generator_cpu = ended_children_cpu().saturating_sub(before);
        Figures::parse(&output, generator_cpu).ok_or(BenchError::Output {
            program: PROGRAM,
            wanted: "statistics",
            log: output,
        })
    }
}

/// CPU time of the children that were waited for; while a server runs, those are the ones that put load on it.
fn ended_children_cpu() -> Duration {
    let time = |usage: Usage| usage.user_time() + usage.system_time();
    let microseconds = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| time(usage).num_microseconds());
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}

/// What dnsperf is called and which version it is.
///
/// # Errors
/// When it is not installed.
pub fn version() -> Result<String, BenchError> {
    let output = Command::new(PROGRAM)
        .arg("-h")
        .output()
        .map_err(BenchError::io("run", PROGRAM))?;
    let printed = [output.stdout, output.stderr].concat();
    let version = String::from_utf8_lossy(&printed)
        .lines()
        .find_map(|line| line.strip_prefix("Version ").map(str::to_owned));
    Ok(format!(
        "dnsperf {}",
        version.as_deref().unwrap_or("of an unknown version")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Statistics:

  Queries sent:         456702
  Queries completed:    456700 (100.00%)
  Queries lost:         2 (0.00%)

  Response codes:       NOERROR 410892 (89.97%), NXDOMAIN 45808 (10.03%)
  Average packet size:  request 38, response 70
  Run time (s):         3.001310
  Queries per second:   152166.8

  Average Latency (s):  0.001277 (min 0.000051, max 0.003811)
";

    #[test]
    fn statistics_are_read() {
        let figures = Figures::parse(PRINTED, Duration::ZERO).unwrap();
        assert_eq!((figures.sent, figures.answered, figures.lost), (456_702, 456_700, 2));
        assert!((figures.seconds - 3.001_31).abs() < 1e-9 && (figures.rate - 152_166.8).abs() < 1e-9);
        assert!((figures.share("NXDOMAIN") - 0.1003).abs() < 1e-4);
        assert!(figures.share("SERVFAIL").abs() < 1e-9);
    }

    #[test]
    fn anything_else_is_no_statistics() {
        assert_eq!(Figures::parse("Error: no such file", Duration::ZERO), None);
    }
}
