//! A primary that lies: whatever it sends, the zone that is there is served on, the log says why, and other zones are none the
//! worse for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::name::Name;
use ballast_tests::dns::primary::{self, Asked, Key, Script, Signer, record, send, soa};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, wait};

const KEY: Key = Key {
    name: "lan",
    secret: b"thirty-two octets of a test's own",
};
const SECRET: &str = "dGhpcnR5LXR3byBvY3RldHMgb2YgYSB0ZXN0J3Mgb3du";

/// Kilobytes that a dnsd may take beyond what it had, when all that is allowed a zone is 1 MiB: its transfers, their buffers and
/// threads, and the allocator's arenas. An endless transfer that was kept would pass it in a moment.
const GROWTH_KB_MAX: u64 = 96 << 10;

/// What is wrong with the next version of the zone of that name, and what the log says of it.
const LIES: [(&str, &str); 13] = [
    ("other-zone.test", "the response to another question"),
    ("other-names.test", "h1.elsewhere.test.: out of zone"),
    ("cut-off.test", "the primary closed the connection"),
    ("silent.test", "nothing came for max-transfer-idle-in"),
    ("endless.test", "more octets than allowed"),
    ("slow.test", "took longer than max-transfer-time-in"),
    ("garbage.test", "failed while receiving responses"),
    ("cut-record.test", "a record is cut off"),
    (
        "other-end.test",
        "the SOA record at the end is not the one at the start",
    ),
    ("back.test", "serial number (0) received from primary"),
    ("boasting.test", "serial number (0) received from primary"),
    ("forged.test", "the response's signature is wrong"),
    ("unsigned.test", "too many messages without a signature"),
];

/// A zone of which the first version is right, and nothing afterwards.
struct Liar {
    lies: Arc<AtomicBool>,
}

/// The records of a version between its SOA records: one says which it is.
fn version_record(zone: &str, serial: u32) -> Vec<u8> {
    let text = serial.to_string();
    let data = [&[text.len() as u8], text.as_bytes()].concat();
    record(&format!("version.{zone}"), rtype::TXT, &data)
}

/// Its name server has no address, as the file of a primary zone may not have it, and some primaries serve it.
fn name_server(zone: &str) -> Vec<u8> {
    let data = [b"\x02ns", Name::of(zone).as_wire()].concat();
    record(zone, rtype::NS, &data)
}

fn whole(zone: &str, serial: u32) -> Vec<Vec<u8>> {
    vec![
        soa(zone, serial),
        name_server(zone),
        version_record(zone, serial),
        soa(zone, serial),
    ]
}

/// A host, each time another one.
fn host(zone: &str, n: u32) -> Vec<u8> {
    record(&format!("h{n}.{zone}"), rtype::A, &n.to_be_bytes())
}

impl Script for Liar {
    fn serial(&self, zone: &str) -> u32 {
        match (self.lies.load(Ordering::Relaxed), zone) {
            (false, _) => 1,
            (true, "back.test") => 0,
            (true, _) => 2,
        }
    }

    fn transfer(&self, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
        let zone = &*asked.zone;
        let mut signer = Signer::of(asked, &KEY);
        let mut say = |stream: &mut TcpStream, records: &[Vec<u8>]| {
            let mut message = asked.response(records);
            if let Some(signer) = &mut signer {
                signer.sign(&mut message);
            }
            send(stream, &message)
        };
        if !self.lies.load(Ordering::Relaxed) {
            return say(stream, &whole(zone, 1));
        }
        let start = [soa(zone, 2), version_record(zone, 2)];
        match zone {
            "other-zone.test" => send(
                stream,
                &asked.response_of("elsewhere.test", &whole("elsewhere.test", 2)),
            ),
            "other-names.test" => say(stream, &[soa(zone, 2), host("elsewhere.test", 1)]),
            "cut-off.test" => say(stream, &start),
            "silent.test" => {
                say(stream, &start)?;
                wait_for_the_end(stream)
            }
            "endless.test" => {
                say(stream, &start)?;
                for n in (0..).step_by(100) {
                    let hosts: Vec<Vec<u8>> = (n..n + 100).map(|n| host(zone, n)).collect();
                    say(stream, &hosts)?;
                }
                Ok(())
            }
            "slow.test" => {
                stream.write_all(&60_000_u16.to_be_bytes())?;
                for octet in asked.response(&start) {
                    stream.write_all(&[octet])?;
                    // No event ends this: it is the lie.
                    thread::sleep(Duration::from_millis(50));
                }
                wait_for_the_end(stream)
            }
            "garbage.test" => stream.write_all(&[0xA5; 70_000]),
            "cut-record.test" => {
                let mut message = asked.response(&start);
                message.truncate(message.len() - 3);
                send(stream, &message)
            }
            "other-end.test" => say(stream, &[soa(zone, 2), version_record(zone, 2), soa(zone, 3)]),
            "boasting.test" => say(stream, &whole(zone, 0)),
            "forged.test" => {
                say(stream, &start)?;
                let mut message = asked.response(&[host(zone, 1), soa(zone, 2)]);
                // Of a response of its own: the code isn't bound to the message before.
                if let Some(mut signer) = Signer::of(asked, &KEY) {
                    signer.sign(&mut message);
                }
                send(stream, &message)
            }
            "unsigned.test" => {
                say(stream, &start)?;
                for n in 0..200 {
                    send(stream, &asked.response(&[host(zone, n)]))?;
                }
                say(stream, &[soa(zone, 2)])
            }
            "steps.test" if asked.rtype == rtype::IXFR => {
                // From version 1 to 2 by taking away what was never there.
                let step = [
                    soa(zone, 2),
                    soa(zone, 1),
                    host(zone, 1),
                    soa(zone, 2),
                    version_record(zone, 2),
                    soa(zone, 2),
                ];
                say(stream, &step)
            }
            _ => say(stream, &whole(zone, 2)),
        }
    }
}

/// Sends nothing until the other end hangs up.
fn wait_for_the_end(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// A primary whose zone goes up when the test says so.
struct Honest(Arc<AtomicU32>);

impl Script for Honest {
    fn serial(&self, _: &str) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn transfer(&self, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
        send(stream, &asked.response(&whole(&asked.zone, self.serial(&asked.zone))))
    }
}

fn version(zone: &str) -> Option<u32> {
    let answer = Udp::to(serves()).ask(&Query::of(&format!("version.{zone}"), rtype::TXT));
    let record = answer.answers.first()?;
    std::str::from_utf8(&record.data[1..]).unwrap().parse().ok()
}

fn wait_for_version(zone: &str, serial: u32) {
    wait::until(&format!("version {serial} of {zone}"), || {
        (version(zone) == Some(serial)).then_some(())
    });
}

/// The most memory that it has had, in kilobytes.
fn memory_kb_max(dnsd: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", dnsd.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn refresh(dnsd: &Daemon, zone: &str) {
    let output = dnsd.run(&["refresh", zone]);
    assert!(
        output.status.success(),
        "{zone}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_primary_that_lies_costs_a_line_in_the_log_and_nothing_else() {
    let (liar, honest): (SocketAddr, SocketAddr) = ((address(1), PORT).into(), (address(2), PORT).into());
    let (lies, serial) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(1)));
    primary::start(liar, Some(KEY), Liar { lies: lies.clone() });
    primary::start(honest, None, Honest(serial.clone()));
    let zones = LIES.iter().map(|(zone, _)| *zone).chain(["steps.test"]);
    let mut configuration = Configuration::new()
        .top("max-transfer-time-in = \"3s\"\nmax-transfer-idle-in = \"1s\"\nzone-max-size = \"1MiB\"")
        .table(&format!(
            "[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(&format!("[remote.liar]\naddress = \"{liar}\""))
        .table(&format!("[remote.signing-liar]\naddress = \"{liar}\"\nkey = \"lan\""))
        .table(&format!("[zone.\"honest.test\".secondary]\nprimaries = [\"{honest}\"]"));
    for zone in zones.clone() {
        let remote = match zone {
            "forged.test" | "unsigned.test" => "signing-liar",
            _ => "liar",
        };
        configuration = configuration.table(&format!("[zone.\"{zone}\".secondary]\nprimaries = [\"{remote}\"]"));
    }
    let dnsd = configuration.setup().start();
    for zone in zones.clone().chain(["honest.test"]) {
        wait_for_version(zone, 1);
    }
    let memory_kb = memory_kb_max(&dnsd);

    lies.store(true, Ordering::Relaxed);
    for zone in zones {
        refresh(&dnsd, zone);
    }
    // Meanwhile other zones are refreshed.
    for next in 2..5 {
        serial.store(next, Ordering::Relaxed);
        refresh(&dnsd, "honest.test");
        wait_for_version("honest.test", next);
    }
    for (zone, says) in LIES {
        wait::until(&format!("{says:?} of {zone} in the log"), || {
            let log = dnsd.log();
            let is_said = |line: &str| line.contains(&format!("{zone}/IN")) && line.contains(says);
            log.lines().any(is_said).then_some(())
        });
        assert_eq!(version(zone), Some(1), "{zone}");
    }
    // Steps that don't fit are no reason to go without the zone.
    wait_for_version("steps.test", 2);
    let growth_kb = memory_kb_max(&dnsd).saturating_sub(memory_kb);
    assert!(growth_kb < GROWTH_KB_MAX, "{growth_kb} kB more");

    // What it is told is what it had before it was asked, and what a restart serves.
    let dnsd = dnsd.stop().1.again().start();
    for (zone, _) in LIES {
        assert_eq!(version(zone), Some(1), "{zone}");
    }
    drop(dnsd);
}
