//! What named, nsd and knotd send is taken, and means the same from all of them.

use super::*;
use crate::transfer::delta::tests::records_of;
use crate::zone::Zone;

/// The zone, and what who has serials 1, 2 and 3 is sent.
struct Captured {
    axfr: &'static [u8],
    ixfr: [&'static [u8]; 3],
}

macro_rules! captured {
    ($server:literal) => {
        Captured {
            axfr: include_bytes!(concat!("captured/", $server, ".axfr")),
            ixfr: [
                include_bytes!(concat!("captured/", $server, ".ixfr1")),
                include_bytes!(concat!("captured/", $server, ".ixfr2")),
                include_bytes!(concat!("captured/", $server, ".ixfr3")),
            ],
        }
    };
}

const SERVERS: [Captured; 4] = [
    captured!("named"),
    captured!("named-one"),
    captured!("nsd"),
    captured!("knotd"),
];

const LIMITS: IncomingLimits = IncomingLimits {
    octets_max: 1 << 16,
    records_max: 100,
};

fn take(mut transfer: Incoming, stream: &[u8]) -> Received {
    let mut rest = stream;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (message, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
        rest = behind;
        let progress = transfer.feed(message).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(progress == Progress::Finished, rest.is_empty());
    }
    transfer.finish(1).unwrap_or_else(|error| panic!("{error}"))
}

fn origin() -> Name {
    "capture.test".parse().unwrap()
}

fn first_version(server: &Captured) -> Zone {
    match take(Incoming::axfr(origin(), 77, None, LIMITS), server.axfr) {
        Received::Zone(compiled) => compiled.zone,
        Received::UpToDate(_) | Received::Steps(_) => panic!("a zone was asked for"),
    }
}

/// Which records one zone has and the other hasn't.
fn missing(from: &Zone, of: &Zone) -> Vec<String> {
    let there = records_of(from);
    records_of(of)
        .into_iter()
        .filter(|line| !there.contains(line))
        .collect()
}

#[test]
fn rfc5936_the_zone_is_the_same_from_every_server() {
    let zones = SERVERS.map(|server| first_version(&server));
    for zone in &zones {
        assert_eq!((zone.serial(), zone.record_count()), (Serial(1), 27));
        assert_eq!(records_of(zone), records_of(&zones[0]));
    }
}

fn steps_from(have: u32, server: &Captured) -> Vec<Delta> {
    let transfer = Incoming::ixfr(origin(), 77, Serial(have), LIMITS);
    match take(transfer, server.ixfr[have as usize - 1]) {
        Received::Steps(steps) => steps,
        Received::UpToDate(_) | Received::Zone(_) => panic!("steps were asked for"),
    }
}

#[test]
fn rfc1995_the_steps_lead_to_the_same_zone_from_every_server() {
    let came = [
        "type0 alias.capture.test. 600 in cname mail.capture.test.",
        "type0 capture.test. 3600 in soa ns1.capture.test. hostmaster.example.net. 3 7200 900 1209600 300",
        "type0 new.capture.test. 3600 in mx 5 ns1.capture.test.",
        "type0 new.name.capture.test. 3600 in a 192.0.2.9",
        "type0 www.capture.test. 60 in a 192.0.2.7",
    ];
    for server in &SERVERS {
        let first = first_version(server);
        let mut zone = first.changed(&[]).unwrap();
        let mut second = None;
        for step in &steps_from(1, server) {
            let (next, exact) = step.apply_received(&zone).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(records_of(&exact.apply(&zone).unwrap()), records_of(&next));
            zone = next;
            second.get_or_insert_with(|| zone.changed(&[]).unwrap());
        }
        let [step] = &steps_from(2, server)[..] else {
            panic!("one step")
        };
        let (again, _) = step
            .apply_received(&second.unwrap())
            .unwrap_or_else(|error| panic!("{error}"));
        for zone in [zone, again] {
            assert_eq!(zone.serial(), Serial(3));
            let mut found = missing(&first, &zone);
            found.sort();
            assert_eq!(found, came);
            assert_eq!(missing(&zone, &first).len(), 4);
        }
    }
}

#[test]
fn rfc1995_2_who_is_up_to_date_is_told_so_by_every_server() {
    for server in &SERVERS {
        let transfer = Incoming::ixfr(origin(), 77, Serial(3), LIMITS);
        assert!(matches!(take(transfer, server.ixfr[2]), Received::UpToDate(Serial(3))));
    }
}
