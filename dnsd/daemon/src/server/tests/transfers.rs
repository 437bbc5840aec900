//! Zones that go out.

use dnsd_core::acl::Acl;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{
    Delta, Incoming, IncomingLimits, Progress, REQUEST_BYTES_MAX, Received, write_axfr_request, write_ixfr_request,
};
use dnsd_core::tsig::{Verified, strip};
use dnsd_core::zone::Zone;

use super::access::{asked, networks, view_of};
use super::signed::{WITH_KEY, known_key, signed, who_signs_with};
use super::*;
use crate::server::responder::unix_seconds;
use crate::server::views::History;

const LIMITS: IncomingLimits = IncomingLimits {
    octets_max: 1 << 30,
    records_max: 1 << 24,
};

fn version(serial: u32, hosts: usize) -> Zone {
    let hosts: String = (0..hosts)
        .map(|host| format!("h{host} A 192.0.{}.{}\n", host / 250, host % 250))
        .collect();
    zone(
        "example.net",
        &format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\na A 192.0.2.1\n{hosts}"),
    )
}

/// Serves a version to be transferred by these, with the step from the version before it.
fn serve(shared: &Shared, old: &Zone, new: Zone, allow_transfer: Arc<Acl>) {
    let rules = config::Rules {
        allow_transfer,
        ..config::Rules::default()
    };
    let step = Arc::new(Delta::between(old, &new));
    let view = view_of(None, Arc::new(Acl::any()), ZoneState::Loaded(Arc::new(new)), rules);
    let number = view.zones().number(old.origin()).unwrap();
    view.info(number).unwrap().history.store(Arc::new(History::new([step])));
    shared.set_views(&Views::new([], view));
}

fn everybody() -> Arc<Acl> {
    Arc::new(Acl::any())
}

fn axfr(id: u16, origin: &str) -> Vec<u8> {
    let mut request = vec![0; REQUEST_BYTES_MAX];
    let origin: dnsd_core::name::Name = origin.parse().unwrap();
    let length = write_axfr_request(id, origin.as_name_ref(), &mut request).unwrap();
    request.truncate(length);
    request
}

fn ixfr(id: u16, have: &Zone) -> Vec<u8> {
    let mut request = vec![0; REQUEST_BYTES_MAX];
    let length = write_ixfr_request(id, have, &mut request).unwrap();
    request.truncate(length);
    request
}

async fn receive(connection: &mut Connection, mut incoming: Incoming) -> Received {
    while incoming.feed(&connection.answer().await).unwrap() == Progress::More {}
    incoming.finish(1).unwrap()
}

#[tokio::test]
async fn rfc5936_a_zone_goes_out_whole_and_other_answers_come_between() {
    let shared = shared("");
    serve(&shared, &version(1, 0), version(2, 20_000), everybody());
    let mut connection = connect(shared, 4096);
    connection
        .client
        .write_all(&framed(&[axfr(1, "example.net"), query(2, b'a')]))
        .await
        .unwrap();
    let mut incoming = Incoming::axfr("example.net".parse().unwrap(), 1, None, LIMITS);
    let (mut messages, mut answered_at) = (0, None);
    loop {
        let message = connection.answer().await;
        messages += 1;
        if message[..2] == [0, 2] {
            answered_at = Some(messages);
            continue;
        }
        if incoming.feed(&message).unwrap() == Progress::Finished {
            break;
        }
    }
    assert!(
        answered_at.is_some_and(|at| at < messages / 2),
        "{answered_at:?} of {messages}"
    );
    let Received::Zone(compiled) = incoming.finish(1).unwrap() else {
        panic!("not a zone");
    };
    assert_eq!(
        (compiled.zone.serial(), compiled.zone.record_count()),
        (Serial(2), 20_003)
    );
    drop(connection.client);
    connection.served.await.unwrap().unwrap();
    let counts = connection.shared.transfers.counts();
    assert_eq!((counts.running, counts.ended, counts.broken_off), (0, 1, 0));
}

#[tokio::test]
async fn rfc1995_the_steps_go_out_to_who_has_an_older_version() {
    let shared = shared("");
    let (old, new) = (version(1, 100), version(2, 101));
    serve(&shared, &old, new, everybody());
    let mut connection = connect(shared, 1 << 20);
    connection
        .client
        .write_all(&framed(&[
            ixfr(1, &old),
            ixfr(2, &version(2, 101)),
            ixfr(3, &version(0, 5)),
        ]))
        .await
        .unwrap();
    let origin: dnsd_core::name::Name = "example.net".parse().unwrap();
    let steps = receive(&mut connection, Incoming::ixfr(origin.clone(), 1, Serial(1), LIMITS)).await;
    assert!(matches!(&steps, Received::Steps(steps) if steps.len() == 1 && steps[0].record_count() == 3));
    let same = receive(&mut connection, Incoming::ixfr(origin.clone(), 2, Serial(2), LIMITS)).await;
    assert!(matches!(same, Received::UpToDate(Serial(2))));
    let unknown = receive(&mut connection, Incoming::ixfr(origin, 3, Serial(0), LIMITS)).await;
    assert!(matches!(unknown, Received::Zone(_)));
}

#[test]
fn rfc1995_4_over_udp_the_steps_come_in_one_datagram_or_not_at_all() {
    let shared = shared("");
    let old = version(1, 100);
    let origin: dnsd_core::name::Name = "example.net".parse().unwrap();
    for (hosts, kind) in [(101, Progress::Finished), (150, Progress::More)] {
        serve(&shared, &old, version(2, hosts), everybody());
        let mut incoming = Incoming::ixfr(origin.clone(), 1, Serial(1), LIMITS);
        let answer = asked(&shared, "192.0.2.9", &ixfr(1, &old));
        assert!(answer.len() <= 512);
        assert_eq!(incoming.feed(&answer).unwrap(), kind, "{hosts}");
    }
}

#[tokio::test]
async fn rfc8945_5_3_1_every_message_of_a_transfer_is_signed() {
    let shared = shared(WITH_KEY);
    serve(&shared, &version(1, 0), version(2, 20_000), who_signs_with("lan"));
    let mut connection = connect(shared, 1 << 20);
    let now = unix_seconds();
    let (request, mut verifier) = signed(&axfr(1, "example.net"), &known_key(), now);
    connection.client.write_all(&framed(&[request])).await.unwrap();
    let mut incoming = Incoming::axfr("example.net".parse().unwrap(), 1, None, LIMITS);
    loop {
        let mut message = connection.answer().await;
        let Ok(Verified::Signed { tsig_at }) = verifier.verify(&message, now) else {
            panic!("not signed");
        };
        strip(&mut message, tsig_at);
        if incoming.feed(&message).unwrap() == Progress::Finished {
            break;
        }
    }
    verifier.finish().unwrap();
}

#[tokio::test]
async fn who_may_not_transfer_a_zone_is_told_so_and_the_connection_goes_on() {
    let shared = shared(WITH_KEY);
    serve(&shared, &version(1, 0), version(2, 5), networks(&["10.0.0.0/8"]));
    let mut connection = connect(shared.clone(), 1 << 20);
    let (request, _) = signed(&axfr(2, "example.net"), &known_key(), unix_seconds());
    let requests = [
        axfr(1, "example.net"),
        request,
        axfr(3, "a.example.net"),
        query(4, b'a'),
    ];
    connection.client.write_all(&framed(&requests)).await.unwrap();
    let mut rcodes = Vec::new();
    for _ in 0..4 {
        rcodes.push(connection.answer().await[3] & 0x0F);
    }
    assert_eq!(rcodes, [5, 5, 9, 0]);
    assert_eq!(shared.transfers.counts().refused, 3);
    let none = Arc::new(Acl::any());
    let rules = config::Rules {
        allow_transfer: none.clone(),
        ..config::Rules::default()
    };
    shared.set_views(&Views::new([], view_of(None, none, ZoneState::Failed, rules)));
    connection
        .client
        .write_all(&framed(&[axfr(5, "example.net")]))
        .await
        .unwrap();
    assert_eq!(connection.answer().await[3] & 0x0F, 2, "a zone that has expired");
}

#[tokio::test]
async fn no_more_transfers_than_transfers_out_run_at_a_time() {
    let shared = shared("transfers-out = 1");
    serve(&shared, &version(1, 0), version(2, 20_000), everybody());
    let mut connection = connect(shared.clone(), 1000);
    connection
        .client
        .write_all(&framed(&[axfr(1, "example.net"), axfr(2, "example.net")]))
        .await
        .unwrap();
    // The refusal comes with the answers to what was read, the transfer's first batch after it.
    let refusal = connection.answer().await;
    assert_eq!((refusal[1], refusal[3] & 0x0F), (2, 2));
    drop(connection.client);
    assert!(connection.served.await.unwrap().is_err());
    let counts = shared.transfers.counts();
    assert_eq!((counts.running, counts.ended, counts.broken_off), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_transfer_is_cut_off() {
    let shared = shared("");
    serve(&shared, &version(1, 0), version(2, 20_000), everybody());
    let mut connection = connect(shared.clone(), 1000);
    let started = tokio::time::Instant::now();
    connection
        .client
        .write_all(&framed(&[axfr(1, "example.net")]))
        .await
        .unwrap();
    let ended = connection.served.await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 3600, "max-transfer-idle-out");
    assert_eq!(shared.transfers.counts().broken_off, 1);
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_its_transfer() {
    let shared = shared("");
    serve(&shared, &version(1, 0), version(2, 20_000), everybody());
    let mut connection = connect(shared, 4096);
    connection
        .client
        .write_all(&framed(&[axfr(1, "example.net")]))
        .await
        .unwrap();
    connection.client.shutdown().await.unwrap();
    let incoming = Incoming::axfr("example.net".parse().unwrap(), 1, None, LIMITS);
    assert!(matches!(receive(&mut connection, incoming).await, Received::Zone(_)));
    connection.served.await.unwrap().unwrap();
}

#[test]
fn a_datagram_of_steps_that_is_over_the_rate_is_truncated() {
    let shared = shared("[rate-limit]\nresponses-per-second = 1\nslip = 1\n");
    let old = version(1, 100);
    serve(&shared, &old, version(2, 101), everybody());
    let answers: Vec<Vec<u8>> = (0..20).map(|id| asked(&shared, "192.0.2.9", &ixfr(id, &old))).collect();
    assert!(answers[0][7] > 0);
    let truncated = answers.iter().filter(|answer| answer[2] & 2 > 0 && answer[7] == 0);
    assert!(truncated.count() > 10);
}
