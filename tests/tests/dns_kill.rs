//! dnsd is killed at random moments, in the middle of updates and of transfers: what it has acknowledged is there when it starts
//! again, and a zone is there as a whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballast_tests::dns::client::Udp;
use ballast_tests::dns::name::Name;
use ballast_tests::dns::primary::{self, Asked, Script, record, send, soa};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, wait};

/// How often it is killed in a test.
const KILLS: u32 = 8;
/// Who sends updates at the same time.
const SENDERS: u32 = 3;

/// Random numbers, whose seed is printed so that a run can be had again with `BALLAST_SEED`.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let of_now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            since.as_nanos() as u64
        };
        let given = std::env::var("BALLAST_SEED").ok();
        let seed = given.map_or_else(of_now, |seed| seed.parse().unwrap());
        println!("BALLAST_SEED={seed}");
        Self(seed | 1)
    }

    /// Some time up to this. This is the one thing that the tests here wait for by the clock: the moment is what is random.
    fn up_to(&mut self, most: Duration) -> Duration {
        // xorshift64, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// An update of example.net (RFC 2136 §2) that adds an address to this host.
fn update(id: u16, host: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    // One zone, no prerequisite, one update.
    message.extend([0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    message.extend(Name::of("example.net").as_wire());
    message.extend([0, 6, 0, 1]);
    message.extend(record(&format!("{host}.example.net"), rtype::A, &[192, 0, 2, 1]));
    message
}

/// Sends one update after the other until it is told to stop or there is nobody who answers; notes those that were acknowledged.
fn send_updates(round: u32, sender: u32, stop: &AtomicBool, acknowledged: &Mutex<Vec<String>>) {
    let socket = UdpSocket::bind((serves().ip(), 0)).unwrap();
    socket.connect(serves()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut response = [0; 512];
    for n in 0..u16::MAX {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let host = format!("h{n}-of-{sender}-in-{round}");
        if socket.send(&update(n, &host)).is_err() {
            return;
        }
        // One that isn't answered may be done or not.
        let Ok(length) = socket.recv(&mut response) else { return };
        if length >= 12 && response[..2] == n.to_be_bytes() && response[3] & 15 == 0 {
            acknowledged.lock().unwrap().push(host);
        }
    }
}

fn is_there(host: &str) -> bool {
    let answer = Udp::to(serves()).ask(&Query::of(&format!("{host}.example.net"), rtype::A));
    !answer.answers.is_empty()
}

#[test]
fn no_update_that_was_acknowledged_is_missing_after_a_kill() {
    let mut random = Random::new();
    let mut setup = Configuration::new()
        .table(
            "[zone.\"example.net\".primary]\nfile = \"db.example.net\"\nallow-update = [\"127.0.0.0/8\"]\n\
             max-journal-size = \"4KiB\"",
        )
        .setup()
        .file(
            "db.example.net",
            "$TTL 60\n@ SOA ns h 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n",
        );
    let mut all: Vec<String> = Vec::new();
    for round in 0..KILLS {
        let dnsd = setup.start();
        let missing: Vec<&String> = all.iter().filter(|host| !is_there(host)).collect();
        assert!(missing.is_empty(), "before round {round}: {missing:?} of {}", all.len());
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
                thread::spawn(move || send_updates(round, sender, &stop, &acknowledged))
            })
            .collect();
        wait::until("an update that is acknowledged", || {
            acknowledged.lock().unwrap().first().cloned()
        });
        thread::sleep(random.up_to(Duration::from_millis(400)));
        if round % 2 == 1 {
            // In the middle of the file's writing, or just behind it.
            let _ = dnsd.run(&["sync", "example.net"]);
            thread::sleep(random.up_to(Duration::from_millis(20)));
        }
        setup = dnsd.kill().again();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        all.append(&mut acknowledged.lock().unwrap());
    }
    let dnsd = setup.start();
    let missing: Vec<&String> = all.iter().filter(|host| !is_there(host)).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", all.len());
    assert!(all.len() as u32 >= KILLS, "{}", all.len());
    let status = String::from_utf8(dnsd.run(&["status", "example.net"]).stdout).unwrap();
    assert!(status.contains("\tloaded\t") && !status.contains("error"), "{status}");
    // The file has all of it when it is asked to.
    assert!(dnsd.run(&["sync", "example.net"]).status.success());
    let text = fs::read_to_string(dnsd.path().join("db.example.net")).unwrap();
    assert!(all.iter().all(|host| text.contains(&format!("{host}.example.net."))));
}

/// Records of a version that say its serial, so that a mixture of two is seen.
const PARTS: u32 = 40;

/// A primary that has a new version whenever it is looked at.
struct Restless {
    serial: Arc<AtomicU32>,
    /// Whether it knows steps.
    has_steps: bool,
    is_silent: Arc<AtomicBool>,
}

fn parts(zone: &str, serial: u32) -> Vec<Vec<u8>> {
    let of_part = |part| record(&format!("p{part}.{zone}"), rtype::A, &serial.to_be_bytes());
    (0..PARTS).map(of_part).collect()
}

impl Script for Restless {
    fn serial(&self, _: &str) -> u32 {
        self.serial.load(Ordering::Relaxed)
    }

    fn transfer(&self, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
        let (zone, serial) = (&*asked.zone, self.serial.load(Ordering::Relaxed));
        if self.is_silent.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut records = vec![soa(zone, serial)];
        match asked.has.filter(|_| self.has_steps) {
            Some(has) => {
                records.push(soa(zone, has));
                records.extend(parts(zone, has));
                records.push(soa(zone, serial));
            }
            None => records.push(record(zone, rtype::NS, Name::of("ns.elsewhere.test").as_wire())),
        }
        records.extend(parts(zone, serial));
        records.push(soa(zone, serial));
        // Several messages, so that it can be killed between two.
        for message in records.chunks(7) {
            send(stream, &asked.response(message))?;
        }
        Ok(())
    }
}

/// The version that a part of the zone is of.
fn version_of(part: u32) -> Option<u32> {
    let answer = Udp::to(serves()).ask(&Query::of(&format!("p{part}.example.net"), rtype::A));
    let data: [u8; 4] = answer.answers.first()?.data.clone().try_into().ok()?;
    Some(u32::from_be_bytes(data))
}

/// The version that is served while nothing is transferred: all parts of it.
fn whole_version() -> Option<u32> {
    let serials: Vec<Option<u32>> = (0..PARTS).map(version_of).collect();
    assert!(
        serials.iter().all(|serial| *serial == serials[0]),
        "a mixture: {serials:?}"
    );
    serials[0]
}

/// The version that a copy is of, as its first line says; `None` while there is none.
fn copied_version(directory: &Path) -> Option<u32> {
    let text = fs::read_to_string(directory.join("work/zones/example.net.last")).ok()?;
    let digits = text.lines().next()?.rsplit(' ').next()?;
    u32::from_str_radix(digits.get(8..)?, 16).ok()
}

/// Says that the zone has changed (RFC 1996), from the primary's address.
fn notify(from: SocketAddr) {
    let mut message = vec![0, 1, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(Name::of("example.net").as_wire());
    message.extend([0, 6, 0, 1]);
    let socket = UdpSocket::bind((from.ip(), 0)).unwrap();
    // Who is being killed doesn't hear it.
    let _ = socket.send_to(&message, serves());
}

fn kill_while_transferring(has_steps: bool) {
    let mut random = Random::new();
    let from: SocketAddr = (address(1), PORT).into();
    let (serial, is_silent) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicBool::new(false)));
    primary::start(
        from,
        None,
        Restless {
            serial: serial.clone(),
            has_steps,
            is_silent: is_silent.clone(),
        },
    );
    let mut setup = Configuration::new()
        .table(&format!(
            "[zone.\"example.net\".secondary]\nprimaries = [\"{from}\"]\nmax-journal-size = \"16KiB\""
        ))
        .setup();
    let mut kept = 0;
    for round in 0..KILLS {
        let dnsd = setup.start();
        if round > 0 {
            // What it has before any primary gives it more.
            let served = whole_version();
            assert!(
                served.is_some_and(|served| served >= kept),
                "{served:?}, and {kept} was there"
            );
            is_silent.store(false, Ordering::Relaxed);
        }
        let first = serial.load(Ordering::Relaxed);
        let until = Instant::now() + random.up_to(Duration::from_millis(1200));
        let mut seen = None;
        // Once something has come in this round, until its time is over.
        while seen.is_none() || Instant::now() < until {
            serial.fetch_add(1, Ordering::Relaxed);
            notify(from);
            let served = version_of(0);
            // Steps are in the journal before they are served; a whole zone is there when its copy is.
            let copied = copied_version(dnsd.path());
            if let Some(served) = served.filter(|served| *served > first && copied.is_some()) {
                seen = Some(if has_steps { served } else { copied.unwrap() });
            }
        }
        kept = kept.max(seen.unwrap());
        is_silent.store(true, Ordering::Relaxed);
        setup = dnsd.kill().again();
    }
    let dnsd = setup.start();
    let served = whole_version();
    assert!(
        served.is_some_and(|served| served >= kept),
        "{served:?}, and {kept} was there"
    );
    drop(dnsd);
}

#[test]
fn a_secondary_that_is_killed_has_every_step_that_it_served() {
    kill_while_transferring(true);
}

#[test]
fn a_secondary_that_is_killed_has_a_whole_version_no_older_than_its_copy() {
    kill_while_transferring(false);
}
