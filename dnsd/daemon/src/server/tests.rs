//! Queries through real and simulated sockets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream as StdTcpStream, UdpSocket as StdUdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::Inherited;
use dnsd_core::answer::Transport;
use dnsd_core::zones::{ZoneState, Zones};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bind::{Endpoint, ListenError, Service, Sockets, Wanted};
use super::responder::{Answer, Peer};
use super::views::{View, Views};
use super::*;
use crate::config;
use crate::zones::test_zone::zone;

mod access;
mod handed_on;
mod https_connections;
mod signed;
mod tcp_connections;
mod transfers;
mod udp_threads;

/// Enough for any machine: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who connects.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\na A 192.0.2.1\nb A 192.0.2.2\n";

/// A server of one zone, with the given configuration.
fn shared(text: &str) -> Shared {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dnsd.toml");
    std::fs::write(&file, text).unwrap();
    let config = config::load(Path::new(&file), &Diagnostics::new()).unwrap();
    let shared = Shared::new(&config).unwrap();
    let state = ZoneState::Loaded(Arc::new(zone("example.net", ZONE)));
    serve_outside(&shared, Zones::new([("example.net".parse().unwrap(), state)]));
    shared
}

/// Serves these zones to everybody.
fn serve_outside(shared: &Shared, zones: Zones) {
    shared.set_views(&Views::new([], View::outside(zones, Arc::new([]))));
}

/// A client at this address, connected.
fn connected(client: IpAddr) -> Peer<'static> {
    Peer::Connected {
        client: (client, 5300).into(),
        local: Ipv4Addr::LOCALHOST.into(),
        takes_transfers: true,
    }
}

/// What a client at this address gets.
fn answer(responder: &Responder, client: IpAddr, request: &[u8], out: &mut [u8]) -> Answer {
    let peer = connected(client);
    responder.begin_batch().answer(&peer, request, out)
}

/// A query for the A records of a name in example.net.
fn query(id: u16, label: u8) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend(b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01");
    message.push(label);
    message.extend(b"\x07example\x03net\x00\x00\x01\x00\x01");
    message
}

/// Messages as TCP carries them.
fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let frame = |message: &Vec<u8>| [&(message.len() as u16).to_be_bytes(), &message[..]].concat();
    messages.iter().flat_map(frame).collect()
}

struct Connection {
    client: DuplexStream,
    served: JoinHandle<std::io::Result<()>>,
    shared: Shared,
}

/// A connection with so much room for what the client hasn't read.
fn connect(shared: Shared, room_bytes: usize) -> Connection {
    let (client, mut server) = duplex(room_bytes);
    let place = shared.places.take(CLIENT).unwrap();
    let responder = shared.responder(Transport::Tcp);
    let idle_max = shared.serving.load().tcp_idle_max;
    let served = tokio::spawn(async move {
        connection::serve(
            &mut server,
            connected(Ipv4Addr::LOCALHOST.into()),
            &responder,
            &place,
            idle_max,
            &CancellationToken::new(),
        )
        .await
    });
    Connection { client, served, shared }
}

impl Connection {
    async fn answer(&mut self) -> Vec<u8> {
        let length = self.client.read_u16().await.unwrap();
        let mut answer = vec![0; length.into()];
        self.client.read_exact(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn rfc7766_6_2_1_pipelined_queries_are_answered_in_order() {
    let mut connection = connect(shared(""), 1 << 20);
    let queries: Vec<Vec<u8>> = (0..3000)
        .map(|id| query(id, if id % 2 == 0 { b'a' } else { b'b' }))
        .collect();
    connection.client.write_all(&framed(&queries)).await.unwrap();
    for id in 0..3000_u16 {
        let answer = connection.answer().await;
        assert_eq!(answer[..2], id.to_be_bytes());
        let address = if id % 2 == 0 { [192, 0, 2, 1] } else { [192, 0, 2, 2] };
        assert!(answer.windows(4).any(|window| window == address), "{answer:?}");
    }
    drop(connection.client);
    connection.served.await.unwrap().unwrap();
    assert_eq!(connection.shared.counters.totals(Transport::Tcp).by_type[0], 3000);
    assert_eq!(connection.shared.places.usage().open, 0);
}

#[tokio::test]
async fn rfc7766_8_a_message_may_come_in_any_pieces() {
    let mut connection = connect(shared(""), 1 << 20);
    for byte in framed(&[query(7, b'a'), query(8, b'b')]) {
        connection.client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.answer().await[..2], [0, 7]);
    assert_eq!(connection.answer().await[..2], [0, 8]);
}

#[tokio::test]
async fn the_longest_message_is_read_and_answered() {
    let mut connection = connect(shared(""), 1 << 20);
    let mut longest = query(9, b'a');
    longest.resize(MESSAGE_BYTES_MAX, 0);
    connection
        .client
        .write_all(&framed(&[longest, query(10, b'b')]))
        .await
        .unwrap();
    assert_eq!(connection.answer().await[..2], [0, 9]);
    assert_eq!(connection.answer().await[..2], [0, 10]);
}

#[tokio::test]
async fn what_is_no_request_gets_no_answer_and_the_connection_goes_on() {
    let mut connection = connect(shared(""), 1 << 20);
    let response = [&query(1, b'a')[..2], b"\x80\x00", &query(1, b'a')[4..]].concat();
    connection
        .client
        .write_all(&framed(&[response, vec![], vec![1, 2, 3], query(2, b'a')]))
        .await
        .unwrap();
    assert_eq!(connection.answer().await[..2], [0, 2]);
    assert_eq!(connection.shared.counters.totals(Transport::Tcp).ignored, 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let mut connection = connect(shared(""), 512);
    let queries: Vec<Vec<u8>> = (0..100).map(|id| query(id, b'a')).collect();
    // The room for the queries is as small: it is the server's writing that ends this.
    let _ = connection.client.write_all(&framed(&queries)).await;
    let ended = connection.served.await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(connection.shared.counters.totals(Transport::Tcp).unsent, 1);
    assert_eq!(connection.shared.places.usage().open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_little_before_every_deadline_is_cut_off() {
    let shared = shared("");
    let large: String = (0..1000)
        .map(|host| format!("a A 192.0.{}.{}\n", host / 250, host % 250))
        .collect();
    let state = ZoneState::Loaded(Arc::new(zone("example.net", &format!("{ZONE}{large}"))));
    serve_outside(&shared, Zones::new([("example.net".parse().unwrap(), state)]));
    let mut connection = connect(shared, 64 << 10);
    let started = tokio::time::Instant::now();
    // Answers of a megabyte in all, of which this client reads as much as lets the next write end in time.
    let queries: Vec<Vec<u8>> = (0..60).map(|id| query(id, b'a')).collect();
    connection.client.write_all(&framed(&queries)).await.unwrap();
    let mut part = vec![0; 64 << 10];
    while !connection.served.is_finished() {
        tokio::time::sleep(Duration::from_secs(8)).await;
        let _ = connection.client.read_exact(&mut part).await;
    }
    let ended = connection.served.await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(75), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_read_makes_room_for_a_new_one() {
    let shared = shared("tcp-clients = 1");
    let mut deaf = connect(shared.clone(), 512);
    let queries: Vec<Vec<u8>> = (0..16).map(|id| query(id, b'a')).collect();
    deaf.client.write_all(&framed(&queries)).await.unwrap();
    // Until the answers, of which there are more than there is room for, are being written.
    let mut place = None;
    while place.is_none() || shared.counters.totals(Transport::Tcp).by_type[0] == 0 {
        tokio::task::yield_now().await;
        place = place.or_else(|| shared.places.take(CLIENT));
    }
    let ended = deaf.served.await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionAborted);
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_keep_a_connection_open() {
    let mut connection = connect(shared("tcp-idle-timeout = \"10s\""), 1 << 20);
    let started = tokio::time::Instant::now();
    for byte in framed(&[query(1, b'a')]) {
        if connection.client.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        tokio::task::yield_now().await;
    }
    connection.served.await.unwrap().unwrap();
    assert!(started.elapsed() <= Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_a_new_one() {
    let shared = shared("tcp-clients = 1");
    let mut first = connect(shared.clone(), 1 << 20);
    first.client.write_all(&framed(&[query(1, b'a')])).await.unwrap();
    first.answer().await;
    while shared.places.take(CLIENT).is_none() {
        tokio::task::yield_now().await;
    }
    first.served.await.unwrap().unwrap();
    assert_eq!(shared.places.usage().evicted, 1);
}

/// Listeners on ports of the kernel's choice.
struct Running {
    listeners: Listeners,
    supervisor: Supervisor,
    local: Vec<SocketAddr>,
}

fn bind_dns(
    dns: &[config::ListenAddress],
    threads: usize,
    running: &BTreeSet<Endpoint>,
    inherited: &mut Inherited,
) -> Result<Sockets, Vec<ListenError>> {
    let wanted = Wanted { dns, threads, tls: &[] };
    bind::bind(wanted, running, inherited)
}

fn listen(shared: &Shared, addresses: &[&str], threads: usize) -> Running {
    let wanted: Vec<_> = addresses
        .iter()
        .map(|address| config::ListenAddress::Address(address.parse().unwrap()))
        .collect();
    let Sockets { bound, .. } = bind_dns(&wanted, threads, &BTreeSet::new(), &mut Inherited::default()).unwrap();
    let local = bound.iter().map(|sockets| sockets.local).collect();
    let supervisor = Supervisor::new();
    let mut listeners = Listeners::new(shared.clone());
    listeners.start(bound, &supervisor).unwrap();
    Running {
        listeners,
        supervisor,
        local,
    }
}

/// Asks over UDP, from a socket that takes answers from this address only.
fn ask(from: &str, server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let socket = StdUdpSocket::bind(from)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    socket.send(&query(1, b'a'))?;
    let mut answer = vec![0; 512];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_leaves_from_the_address_that_was_asked() {
    let shared = shared("");
    let running = listen(&shared, &["0.0.0.0:0", "[::]:0"], 2);
    let asked = running.local.clone();
    tokio::task::spawn_blocking(move || {
        for (client, server) in [
            ("127.0.0.1:0", "127.0.0.9".parse().unwrap()),
            ("[::1]:0", "::1".parse().unwrap()),
        ] {
            for local in &asked {
                let server = SocketAddr::new(server, local.port());
                // An IPv4 wildcard has no IPv6 clients; the other way round it has.
                if server.is_ipv6() && local.is_ipv4() {
                    continue;
                }
                assert_eq!(ask(client, server).unwrap()[..2], [0, 1], "{server}");
            }
        }
    })
    .await
    .unwrap();
    assert!(running.supervisor.stop(PATIENCE).await);
    assert_eq!(shared.counters.totals(Transport::Udp).by_type[0], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_and_connections_end_when_the_daemon_does() {
    let shared = shared("");
    let running = listen(&shared, &["127.0.0.1:0"], 3);
    let connection = StdTcpStream::connect(running.local[0]).unwrap();
    while shared.places.usage().open == 0 {
        tokio::task::yield_now().await;
    }
    assert!(running.supervisor.stop(PATIENCE).await);
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_not_wanted_any_more_frees_its_port() {
    let shared = shared("");
    let mut running = listen(&shared, &["127.0.0.1:0"], 2);
    let local = running.local[0];
    let mut endpoints = running.listeners.endpoints().into_iter();
    assert!(endpoints.any(|endpoint| endpoint.to_string() == "127.0.0.1:0"));
    running.listeners.keep_only(&BTreeSet::new());
    // The threads end by themselves, soon; until then the address is taken.
    let bound = tokio::task::spawn_blocking(move || {
        let deadline = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < deadline {
            if StdUdpSocket::bind(local).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    });
    assert!(bound.await.unwrap());
    assert!(running.supervisor.stop(PATIENCE).await, "closed is not failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_come_and_go_are_followed() {
    let shared = shared("");
    let port = free_port();
    let at = move |host: &str| SocketAddr::new(host.parse().unwrap(), port);
    let mut running = listen(&shared, &[&at("127.0.0.1").to_string()], 1);
    let Running {
        listeners, supervisor, ..
    } = &mut running;
    let mut follow = |hosts: &[&str]| {
        let wanted = hosts.iter().map(|host| Endpoint {
            service: Service::Dns,
            address: at(host),
        });
        let is_another = listeners.follow(wanted.collect(), 1, supervisor);
        (is_another, listeners.endpoints().len())
    };
    assert_eq!(follow(&["127.0.0.1"]), (false, 1));
    // One is not the machine's: the others are listened on all the same.
    assert_eq!(follow(&["127.0.0.1", "127.0.0.2", "192.0.2.1"]), (true, 2));
    assert_eq!(follow(&["127.0.0.1", "127.0.0.2", "192.0.2.1"]), (false, 2));
    for host in ["127.0.0.1", "127.0.0.2"] {
        let asked = tokio::task::spawn_blocking(move || ask("127.0.0.1:0", at(host)));
        assert_eq!(asked.await.unwrap().unwrap()[..2], [0, 1], "{host}");
    }
    assert_eq!(follow(&["127.0.0.2"]), (true, 1));
    // What listened there may be about to end: then it is tried again.
    let deadline = std::time::Instant::now() + PATIENCE;
    while follow(&["127.0.0.1", "127.0.0.2"]) != (true, 2) {
        assert!(std::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    assert!(running.supervisor.stop(PATIENCE).await);
}

#[test]
fn an_address_that_is_named_has_to_be_there() {
    let named = [config::ListenAddress::Address("192.0.2.1:0".parse().unwrap())];
    let errors = bind_dns(&named, 1, &BTreeSet::new(), &mut Inherited::default()).unwrap_err();
    assert!(matches!(errors[..], [ListenError::Bind(_)]), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_another_of_ours_overlaps_takes_a_restart() {
    let port = free_port();
    let address = |host: &str| {
        vec![config::ListenAddress::Address(
            format!("{host}:{port}").parse().unwrap(),
        )]
    };
    for (first, second) in [
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "[::]"),
    ] {
        let mut inherited = Inherited::default();
        let running = bind_dns(&address(first), 1, &BTreeSet::new(), &mut inherited).unwrap();
        let errors = bind_dns(&address(second), 1, &running.wanted, &mut inherited).unwrap_err();
        assert!(matches!(errors[..], [ListenError::Overlaps { .. }]), "{errors:?}");
        assert_eq!(
            errors[0].to_string(),
            format!("dnsd itself listens on {first}:{port}: to listen on {second}:{port} takes a restart")
        );
    }
}

/// A port that nobody has, for both transports.
fn free_port() -> u16 {
    let sockets = bind_dns(
        &[config::ListenAddress::Address("[::]:0".parse().unwrap())],
        1,
        &BTreeSet::new(),
        &mut Inherited::default(),
    );
    sockets.unwrap().bound[0].local.port()
}

#[test]
fn who_is_idle_keeps_no_old_zones_in_memory() {
    let shared = shared("");
    let zone = Arc::new(zone("example.org", ZONE));
    let held = Arc::downgrade(&zone);
    serve_outside(
        &shared,
        Zones::new([("example.org".parse().unwrap(), ZoneState::Loaded(zone))]),
    );
    let idle = shared.responder(Transport::Udp);
    assert!(matches!(
        answer(&idle, CLIENT, &query(1, b'a'), &mut [0; 512]),
        Answer::Reply(_)
    ));
    shared.set_views(&Views::default());
    assert!(held.upgrade().is_none());
}

#[test]
fn a_query_whose_answer_is_held_back_is_counted() {
    let shared = shared("[rate-limit]\nresponses-per-second = 1\nslip = 0\n");
    let responder = shared.responder(Transport::Udp);
    let client = "192.0.2.1".parse().unwrap();
    let answers = (0..10).map(|id| answer(&responder, client, &query(id, b'a'), &mut [0; 512]));
    assert!(answers.filter(|answer| matches!(answer, Answer::Reply(_))).count() < 10);
    let totals = shared.counters.totals(Transport::Udp);
    assert!(totals.dropped > 0);
    assert_eq!(totals.by_type[0], 10);
    assert_eq!(totals.by_rcode[0] + totals.dropped, 10);
}
