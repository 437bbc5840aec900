//! Requests that others act on: NOTIFY, which is answered at once, and updates, whose replies come later.

use std::sync::Mutex;

use dnsd_core::acl::Acl;
use dnsd_core::message::Rcode;
use dnsd_core::notify::write_notify;
use tokio::sync::mpsc;

use super::access::{asked, networks, view_of};
use super::signed::{WITH_KEY, known_key, signed, who_signs_with};
use super::*;
use crate::server::responder::unix_seconds;
use crate::zones::key::ZoneKey;

type Updates = Arc<Mutex<Vec<(ZoneKey, Later)>>>;

/// A server that notes what is handed on; so many NOTIFYs can wait.
fn noting(text: &str, rules: config::Rules, notifies_max: usize) -> (Shared, mpsc::Receiver<NotifyReceived>, Updates) {
    let shared = shared(text);
    let zone = ZoneState::Loaded(Arc::new(zone("example.net", ZONE)));
    shared.set_views(&Views::new([], view_of(None, Arc::new(Acl::any()), zone, rules)));
    let (notifies, noted) = mpsc::channel(notifies_max);
    let updates = Updates::default();
    let taken = updates.clone();
    shared.connect(Handlers {
        notifies,
        update: Arc::new(move |key, later| taken.lock().unwrap().push((key, later))),
    });
    (shared, noted, updates)
}

fn notify(id: u16, serial: u32) -> Vec<u8> {
    let version = zone("example.net", &format!("@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\n"));
    let mut message = vec![0; 512];
    let length = write_notify(id, &version, &mut message).unwrap();
    message.truncate(length);
    message
}

/// An update that changes nothing.
fn update(id: u16, origin: &[u8]) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend(b"\x28\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    message.extend(origin);
    message.extend(b"\x00\x00\x06\x00\x01");
    message
}

const ORIGIN: &[u8] = b"\x07example\x03net";

fn allowing_notify(allow_notify: Arc<Acl>) -> config::Rules {
    config::Rules {
        allow_notify,
        ..config::Rules::default()
    }
}

fn allowing_update(allow_update: Arc<Acl>) -> config::Rules {
    config::Rules {
        allow_update,
        ..config::Rules::default()
    }
}

#[test]
fn rfc1996_4_7_a_notify_is_answered_and_handed_on_with_its_serial() {
    let (shared, mut noted, _) = noting("", allowing_notify(networks(&["192.0.2.0/28"])), 1);
    let answer = asked(&shared, "192.0.2.1", &notify(7, 2026));
    assert_eq!((&answer[..2], answer[2], answer[3]), (&[0, 7][..], 0xA4, 0));
    let received = noted.try_recv().unwrap();
    assert_eq!(
        (received.key.to_string().as_str(), received.serial.map(|s| s.0)),
        ("example.net/IN", Some(2026))
    );
    assert_eq!(asked(&shared, "192.0.2.77", &notify(8, 2027))[3] & 0x0F, 5);
    assert!(noted.try_recv().is_err());
}

#[test]
fn a_notify_for_a_zone_that_nobody_may_tell_of_is_answered_and_nothing_else() {
    let (shared, mut noted, _) = noting("", config::Rules::default(), 1);
    let answer = asked(&shared, "192.0.2.1", &notify(7, 2026));
    assert_eq!((answer[2], answer[3] & 0x0F), (0xA4, 0));
    assert!(noted.try_recv().is_err());
}

#[test]
fn a_notify_that_cannot_be_kept_is_not_answered_with_success_so_that_it_is_sent_again() {
    let (shared, _noted, _) = noting("", allowing_notify(Arc::new(Acl::any())), 1);
    let responder = shared.responder(Transport::Udp);
    let mut out = [0; 512];
    assert!(matches!(
        answer(&responder, CLIENT, &notify(1, 1), &mut out),
        Answer::Reply(_)
    ));
    assert!(matches!(
        answer(&responder, CLIENT, &notify(2, 1), &mut out),
        Answer::Nothing
    ));
    // A connection would end by it.
    for transport in [Transport::Tcp, Transport::Tls, Transport::Https, Transport::Quic] {
        let responder = shared.responder(transport);
        assert!(matches!(
            answer(&responder, CLIENT, &notify(3, 1), &mut out),
            Answer::Reply(_)
        ));
        assert_eq!(out[3] & 0x0F, 2, "{transport:?}");
    }
}

#[test]
fn who_may_not_update_a_zone_is_refused() {
    let (shared, _, updates) = noting("", allowing_update(networks(&["192.0.2.0/28"])), 1);
    assert_eq!(asked(&shared, "192.0.2.77", &update(1, ORIGIN))[3] & 0x0F, 5);
    assert_eq!(
        asked(&shared, "192.0.2.1", &update(1, b"\x01x\x07example\x03net"))[3] & 0x0F,
        9
    );
    assert!(updates.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_reply_that_takes_its_time_comes_signed_after_those_that_take_none() {
    let (shared, _, updates) = noting(WITH_KEY, allowing_update(who_signs_with("lan")), 1);
    let mut connection = connect(shared, 1 << 20);
    let (request, mut verifier) = signed(&update(1, ORIGIN), &known_key(), unix_seconds());
    let requests = framed(&[request, query(2, b'a')]);
    connection.client.write_all(&requests).await.unwrap();
    assert_eq!(connection.answer().await[..2], [0, 2]);
    let (key, later) = updates.lock().unwrap().pop().unwrap();
    assert_eq!(key.to_string(), "example.net/IN");
    assert_eq!(later.request(), update(1, ORIGIN));
    assert_eq!(later.key().unwrap().name().to_string(), "lan.");
    later.send_code(Rcode::YXDOMAIN, &mut [0; 512]);
    let answer = connection.answer().await;
    assert_eq!((&answer[..2], answer[3] & 0x0F), (&[0, 1][..], 6));
    assert!(verifier.verify(&answer, unix_seconds()).is_ok());
    assert_eq!(connection.shared.counters.totals(Transport::Tcp).by_rcode[6], 1);
}

#[tokio::test]
async fn a_client_that_waits_for_many_replies_is_read_from_when_it_has_some() {
    let (shared, _, updates) = noting("", allowing_update(Arc::new(Acl::any())), 1);
    let mut connection = connect(shared, 1 << 20);
    let requests: Vec<Vec<u8>> = (0..100).map(|id| update(id, ORIGIN)).collect();
    connection.client.write_all(&framed(&requests)).await.unwrap();
    connection.client.shutdown().await.unwrap();
    let mut answered = BTreeSet::new();
    while answered.len() < 100 {
        let waiting = std::mem::take(&mut *updates.lock().unwrap());
        assert!(waiting.len() <= 64);
        if waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        for (_, later) in waiting {
            later.send_code(Rcode::NOERROR, &mut [0; 512]);
            answered.insert(connection.answer().await[1]);
        }
    }
    drop(connection.client);
    connection.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reply_that_is_given_up_is_waited_for_no_more() {
    let (shared, _, updates) = noting("", allowing_update(Arc::new(Acl::any())), 1);
    let mut connection = connect(shared, 1 << 20);
    connection
        .client
        .write_all(&framed(&[update(1, ORIGIN)]))
        .await
        .unwrap();
    connection.client.shutdown().await.unwrap();
    while updates.lock().unwrap().pop().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.client.read(&mut [0]).await.unwrap(), 0);
    connection.served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_reply_leaves_from_the_address_that_was_asked() {
    let (shared, _, updates) = noting("", allowing_update(Arc::new(Acl::any())), 1);
    let running = listen(&shared, &["0.0.0.0:0", "[::]:0"], 1);
    let asked = running.local.clone();
    tokio::task::spawn_blocking(move || {
        for (from, to) in [("127.0.0.1:0", "127.0.0.9"), ("[::1]:0", "::1")] {
            let to: IpAddr = to.parse().unwrap();
            for local in asked.iter().filter(|local| local.is_ipv6() || to.is_ipv4()) {
                let socket = StdUdpSocket::bind(from).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.connect((to, local.port())).unwrap();
                socket.send(&update(3, ORIGIN)).unwrap();
                let (_, later) = loop {
                    if let Some(update) = updates.lock().unwrap().pop() {
                        break update;
                    }
                    std::thread::yield_now();
                };
                later.send_code(Rcode::NOTAUTH, &mut [0; 512]);
                let mut answer = [0; 512];
                socket.recv(&mut answer).unwrap();
                assert_eq!((&answer[..2], answer[3] & 0x0F), (&[0, 3][..], 9), "{to}");
            }
        }
    })
    .await
    .unwrap();
    assert!(running.supervisor.stop(PATIENCE).await);
    assert_eq!(shared.counters.totals(Transport::Udp).by_rcode[9], 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_for_a_reply_is_not_idle_and_is_afterwards() {
    let (shared, _, updates) = noting("tcp-idle-timeout = \"1s\"", allowing_update(Arc::new(Acl::any())), 1);
    let mut connection = connect(shared, 1 << 20);
    connection
        .client
        .write_all(&framed(&[update(1, ORIGIN)]))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let (_, later) = updates.lock().unwrap().pop().unwrap();
    later.send_code(Rcode::NOERROR, &mut [0; 512]);
    assert_eq!(connection.answer().await[..2], [0, 1]);
    let replied = tokio::time::Instant::now();
    assert_eq!(connection.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(replied.elapsed().as_secs(), 1);
    connection.served.await.unwrap().unwrap();
}

#[test]
fn what_was_done_is_said_however_often_and_refusals_are_limited() {
    let limits = "[rate-limit]\nresponses-per-second = 1\nreferrals-per-second = 1\nerrors-per-second = 1\nslip = 0\n";
    let (shared, _noted, _) = noting(limits, allowing_notify(networks(&["192.0.2.0/28"])), 1000);
    let responder = shared.responder(Transport::Udp);
    let replies = |client: &str| {
        let mut out = [0; 512];
        let client = client.parse().unwrap();
        let answers = (0..50).map(|id| answer(&responder, client, &notify(id, 1), &mut out));
        answers.filter(|answer| matches!(answer, Answer::Reply(_))).count()
    };
    assert_eq!(replies("192.0.2.1"), 50);
    assert!(replies("203.0.113.1") < 10);
}
