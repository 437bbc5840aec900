//! A large zone is loaded again and again while it is asked: no query is lost, and each answer is of one version.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::{Message, Rcode};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::wait;

const HOSTS: u32 = 4_000;
const LAST_VERSION: u8 = 4;
/// Queries under way at once: few enough for the smallest socket buffer, so that what is lost is dnsd's loss.
const IN_FLIGHT: u16 = 16;

/// 20,000 records. Of each host's, two say which version they are of: the preference of its MX, and the address that goes
/// with that. The other three stay, so that no version has lost most of the one before, which would be held.
fn version(number: u8) -> String {
    let mut text = format!("$TTL 60\n@ SOA ns hostmaster {number} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n");
    for host in 0..HOSTS {
        writeln!(text, "h{host} MX {number} h{host}\nh{host} A 10.{number}.0.1").unwrap();
        writeln!(text, "h{host} TXT a\nh{host} TXT b\nh{host} TXT c").unwrap();
    }
    text
}

/// The version that an answer is of, all its records alike.
fn version_of(answer: &Message) -> u8 {
    assert_eq!(answer.rcode(), Rcode::NOERROR, "{answer:?}");
    // The name server's address follows the exchanger's.
    let ([mx], [address, ..]) = (&answer.answers[..], &answer.additionals[..]) else {
        panic!("an MX record and its address, not {answer:?}");
    };
    assert_eq!((mx.rtype, address.rtype), (rtype::MX, rtype::A));
    assert_eq!(mx.data[1], address.data[1], "{answer:?}");
    mx.data[1]
}

/// Asks until it is told to end; gives how many answers of each version came.
fn ask_all_the_time(end: &AtomicBool) -> Vec<usize> {
    let client = Udp::to(serves());
    let mut answers = vec![0; usize::from(LAST_VERSION) + 1];
    let mut host = 0;
    while !end.load(Ordering::Relaxed) {
        for id in 0..IN_FLIGHT {
            host = (host + 7919) % HOSTS;
            client.send(&Query::of(&format!("h{host}.example"), rtype::MX).id(id).to_bytes());
        }
        // A query that is lost leaves the socket without an answer until it gives up.
        for _ in 0..IN_FLIGHT {
            let answer = Message::decode(&client.receive()).unwrap();
            answers[usize::from(version_of(&answer))] += 1;
        }
    }
    answers
}

/// Ends the asking, when the test has failed too.
struct EndOnDrop<'e>(&'e AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn serial() -> u32 {
    let answer = Udp::to(serves()).ask(&Query::of("example", rtype::SOA));
    let data = &answer.answers[0].data;
    u32::from_be_bytes(data[data.len() - 20..][..4].try_into().unwrap())
}

#[test]
fn every_query_is_answered_from_one_version_while_a_large_zone_is_reloaded() {
    let dnsd = Configuration::new()
        .zone("example", "example.zone")
        .setup()
        .file("example.zone", version(1))
        .start();
    let end = AtomicBool::new(false);
    let clients: Vec<Vec<usize>> = thread::scope(|scope| {
        let asking = EndOnDrop(&end);
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| ask_all_the_time(&end))).collect();
        for number in 2..=LAST_VERSION {
            dnsd.replace("example.zone", version(number));
            wait::until(&format!("version {number}"), || {
                let is_lost = clients.iter().any(thread::ScopedJoinHandle::is_finished);
                (is_lost || serial() == u32::from(number)).then_some(())
            });
        }
        drop(asking);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for answers in clients {
        let versions = answers.iter().filter(|&&count| count > 0).count();
        assert!(
            versions > 1,
            "no version was replaced while it was asked for: {answers:?}"
        );
    }
}
