//! From a plugin's word of a machine that has changed to the answer at dnsd, of 100,000 machines.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::run::{Run, START_MAX, progress};
use crate::dns::client::Client;
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;
use crate::statistics::median;

const MACHINES: u32 = 100_000;

/// The zone of the machines' own names and those of a thousand groups.
const ORIGIN: &str = "machines.example";

/// The zone of their addresses.
const REVERSE: &str = "10.in-addr.arpa";

/// Machines in one reply: some hundred KiB.
const MACHINES_A_REPLY: usize = 1_000;

/// As many changes are told of, one after the other.
const CHANGES: u32 = 100;

/// Nobody else asks, so that this is an error.
const CHANGE_MAX: Duration = Duration::from_secs(10);

/// A round of changes.
#[derive(Debug, Clone, Serialize)]
pub struct MachinesRun {
    /// The round, from 0.
    pub round: u32,
    /// From the start of dnsd, which has heard of nothing yet, to the first answers of both zones.
    pub start_seconds: f64,
    /// Seconds from the last octet of each change to the answer.
    pub seconds: Vec<f64>,
    /// CPU-seconds of dnsd for all of them.
    pub cpu: f64,
    /// RSS when all is there, in octets.
    pub rss: u64,
}

pub(super) fn measure(run: &Run) -> Result<Vec<MachinesRun>, BenchError> {
    (0..run.options.other_rounds()).map(|round| one(run, round)).collect()
}

fn one(run: &Run, round: u32) -> Result<MachinesRun, BenchError> {
    let directory = run.directory("run/machines")?;
    let socket = directory.join("plugin.sock");
    let listener = UnixListener::bind(&socket).map_err(BenchError::io("listen at", &socket))?;
    let file = directory.join("dnsd.toml");
    fs::write(&file, config(&directory, run.options.port)).map_err(BenchError::io("write", &file))?;
    let mut command = Command::new(run.options.programs.join("dnsd"));
    command.arg("--config").arg(file);
    let client = Client::new(run.options.port)?;
    let start = Instant::now();
    let mut dnsd = Process::start("dnsd", &command, &directory, None)?;
    let origins = [ORIGIN, REVERSE].map(str::to_owned);
    let mut plugin = Plugin::serve(&listener).map_err(BenchError::io("serve", &socket))?;
    client.wait_for_zones(&mut dnsd, &origins, Duration::ZERO, START_MAX)?;
    let start_seconds = start.elapsed().as_secs_f64();
    let (cpu, mut seconds) = (dnsd.cpu(), Vec::new());
    for number in 0..CHANGES {
        let before = client.serial(ORIGIN)?;
        plugin.change(number).map_err(BenchError::io("serve", &socket))?;
        let start = Instant::now();
        let seen = interrupt::until(CHANGE_MAX, || {
            dnsd.running()?;
            Ok((client.serial(ORIGIN)? != before).then(|| start.elapsed()))
        })?;
        let seen = seen.ok_or_else(|| dnsd.late("answer from a changed machine", CHANGE_MAX))?;
        seconds.push(seen.as_secs_f64());
    }
    progress(&format!(
        "round {}: dnsd, of {MACHINES} machines one changes: {:.1} ms to its answer; {start_seconds:.2} s from the start",
        round + 1,
        median(seconds.iter().copied()).unwrap_or(0.0) * 1e3
    ));
    Ok(MachinesRun {
        round,
        start_seconds,
        cpu: dnsd.cpu().since(cpu).total().as_secs_f64(),
        rss: dnsd.memory().rss,
        seconds,
    })
}

fn config(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "work-dir = \"{directory}/state\"\n[listen]\ndns = [\"127.0.0.1:{port}\"]\n[control]\nsocket = \"{directory}/control.sock\"\n\
         [plugin.machines]\nsocket = \"{directory}/plugin.sock\"\n\
         [zone.\"{ORIGIN}\".plugin]\nplugin = \"machines\"\nnames = [\"%id%\", \"%group%\"]\nreverse = [\"10.0.0.0/8\"]\n"
    )
}

/// A plugin with one follower.
struct Plugin {
    to: UnixStream,
    seq: u64,
}

impl Plugin {
    /// Takes dnsd's call and tells it of all machines.
    fn serve(listener: &UnixListener) -> io::Result<Self> {
        let (to, _) = listener.accept()?;
        BufReader::new(to.try_clone()?).read_until(0, &mut Vec::new())?;
        let mut plugin = Self { to, seq: 1 };
        let machines: Vec<Value> = (0..MACHINES).map(|number| machine(number, 0)).collect();
        let mut parts = machines.chunks(MACHINES_A_REPLY).peekable();
        while let Some(part) = parts.next() {
            plugin.say(true, part, parts.peek().is_none())?;
        }
        Ok(plugin)
    }

    /// One machine has another address.
    fn change(&mut self, number: u32) -> io::Result<()> {
        self.seq += 1;
        self.say(false, &[machine(number, 1)], true)
    }

    fn say(&mut self, full: bool, hosts: &[Value], complete: bool) -> io::Result<()> {
        let parameters = json!({
            "epoch": "one", "seq": self.seq, "full": full, "hosts": hosts, "gone": [], "complete": complete,
        });
        let mut message = json!({ "parameters": parameters, "continues": true }).to_string();
        message.push('\0');
        self.to.write_all(message.as_bytes())
    }
}

fn machine(number: u32, network: u8) -> Value {
    let [_, high, middle, low] = number.to_be_bytes();
    json!({
        "id": format!("i-{number:08x}"),
        "group": format!("group-{}", number % 1_000),
        "addresses": [{ "address": format!("10.{}.{middle}.{low}", u16::from(high) + 128 * u16::from(network)) }],
        "labels": {},
    })
}
