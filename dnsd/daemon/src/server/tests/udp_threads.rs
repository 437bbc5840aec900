//! Threads of the UDP path, with sockets of their own or of systemd's.

use std::collections::BTreeSet as Set;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::udp::{UdpListener, Worker};
use super::*;

/// Much more than a turn takes.
const MANY: u16 = 200;

fn bound(address: &str) -> StdUdpSocket {
    StdUdpSocket::bind(address).unwrap()
}

fn client_of(server: &StdUdpSocket) -> StdUdpSocket {
    let server = server.local_addr().unwrap();
    let client = bound(if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let ip: IpAddr = if server.is_ipv4() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        std::net::Ipv6Addr::LOCALHOST.into()
    };
    client.connect((ip, server.port())).unwrap();
    client
}

fn start(listener: &Arc<UdpListener>, shared: &Shared) -> JoinHandle<()> {
    let worker = Worker {
        listener: listener.clone(),
        responder: shared.responder(Transport::Udp),
    };
    thread::spawn(move || worker.run())
}

/// The ids of so many answers.
fn answered(client: &StdUdpSocket, count: u16) -> Set<u16> {
    let answer = |_| {
        let mut answer = [0; 512];
        client.recv(&mut answer).unwrap();
        u16::from_be_bytes([answer[0], answer[1]])
    };
    (0..count).map(answer).collect()
}

#[test]
fn more_queries_than_a_turn_takes_are_all_answered() {
    let shared = shared("");
    let socket = bound("[::]:0");
    let client = client_of(&socket);
    for id in 0..MANY {
        client.send(&query(id, b'a')).unwrap();
    }
    let listener = Arc::new(UdpListener::own(socket).unwrap());
    let thread = start(&listener, &shared);
    assert_eq!(answered(&client, MANY), (0..MANY).collect());
    listener.stop().unwrap();
    thread.join().unwrap();
    assert_eq!(shared.counters.totals(Transport::Udp).by_type[0], u64::from(MANY));
}

#[test]
fn what_came_before_the_stop_is_answered() {
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let socket = bound(address);
        let client = client_of(&socket);
        let listener = Arc::new(UdpListener::own(socket).unwrap());
        for id in 0..MANY {
            client.send(&query(id, b'a')).unwrap();
        }
        listener.stop().unwrap();
        start(&listener, &shared("")).join().unwrap();
        assert_eq!(answered(&client, MANY), (0..MANY).collect(), "{address}");
    }
}

#[test]
fn a_thread_that_never_runs_out_of_queries_stops_all_the_same() {
    let shared = shared("");
    let socket = bound("127.0.0.1:0");
    let client = client_of(&socket);
    let listener = Arc::new(UdpListener::own(socket).unwrap());
    let thread = start(&listener, &shared);
    let flooding = client.try_clone().unwrap();
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let flood = thread::spawn(move || {
        while is_over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            // Refused once the socket is closed.
            let _ = flooding.send(&query(1, b'a'));
        }
    });
    assert_eq!(answered(&client, 50).len(), 1);
    listener.stop().unwrap();
    thread.join().unwrap();
    drop(over);
    flood.join().unwrap();
}

#[test]
fn a_socket_of_systemd_serves_the_next_process_too() {
    let shared = shared("");
    let systemds = bound("127.0.0.1:0");
    let client = client_of(&systemds);
    for round in 0..3 {
        // Two threads have it, as the next process will.
        let listeners = [(); 2].map(|()| Arc::new(UdpListener::inherited(systemds.try_clone().unwrap()).unwrap()));
        let threads = [0, 1].map(|index| start(&listeners[index], &shared));
        for id in 0..MANY {
            client.send(&query(id, b'a')).unwrap();
        }
        assert_eq!(answered(&client, MANY), (0..MANY).collect(), "{round}");
        for (listener, thread) in listeners.iter().zip(threads) {
            listener.stop().unwrap();
            thread.join().unwrap();
        }
    }
    client.send(&query(1, b'a')).unwrap();
    systemds.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(systemds.recv(&mut [0; 512]).unwrap() > 0, "it is not shut down");
}

#[test]
fn every_socket_of_systemd_is_left_as_it_was() {
    // Bound as systemd does it for two sockets of one address with ReusePort=yes.
    let systemds = [(); 2].map(|()| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap());
    let mut address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let systemds = systemds.map(|socket| {
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        let socket = StdUdpSocket::from(socket);
        address = socket.local_addr().unwrap();
        socket
    });
    for threads in [1, 2, 3] {
        let mut inherited: Inherited = systemds
            .iter()
            .map(|socket| socket.try_clone().unwrap().into())
            .collect();
        let wanted = [config::ListenAddress::Address(address)];
        let Sockets { mut bound, .. } = bind_dns(&wanted, threads, &Set::new(), &mut inherited).unwrap();
        let udp = bound.pop().unwrap().udp;
        assert_eq!(udp.len(), threads.max(2), "each of the two is served");
        for listener in &udp {
            listener.stop().unwrap();
        }
    }
    for systemds in systemds {
        let mut ended = [PollFd::new(&systemds, PollFlags::RDHUP)];
        poll(&mut ended, Some(&Timespec::default())).unwrap();
        assert_eq!(ended[0].revents(), PollFlags::empty(), "it is not shut down");
    }
}

#[test]
fn a_socket_that_somebody_shuts_down_is_answered_from_without_haste() {
    type Make = fn(StdUdpSocket) -> std::io::Result<UdpListener>;
    for make in [UdpListener::own as Make, UdpListener::inherited] {
        let shared = shared("");
        let socket = bound("127.0.0.1:0");
        let client = client_of(&socket);
        // Says that there is no peer, after the deed.
        let _ = socket2::SockRef::from(&socket).shutdown(std::net::Shutdown::Read);
        let listener = Arc::new(make(socket).unwrap());
        let worker = Worker {
            listener: listener.clone(),
            responder: shared.responder(Transport::Udp),
        };
        let thread = thread::spawn(move || {
            let started = Instant::now();
            worker.run();
            // What it had of a processor, in nanoseconds, comes first.
            let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            let ran = schedstat.split(' ').next().unwrap().parse().unwrap();
            (Duration::from_nanos(ran), started.elapsed())
        });
        for id in 0..3 {
            client.send(&query(id, b'a')).unwrap();
            assert_eq!(answered(&client, 1), [id].into());
        }
        // Nobody asks for a while.
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        client.recv(&mut [0; 512]).unwrap_err();
        listener.stop().unwrap();
        let (ran, lasted) = thread.join().unwrap();
        assert!(ran < lasted / 2, "{ran:?} of {lasted:?}");
    }
}

#[test]
fn a_query_that_is_cut_off_gets_formerr() {
    let socket = bound("127.0.0.1:0");
    let client = client_of(&socket);
    let listener = Arc::new(UdpListener::own(socket).unwrap());
    let thread = start(&listener, &shared(""));
    let mut longest = query(1, b'a');
    // An additional record, whose data is not all there.
    longest[11] = 1;
    longest.extend(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x20\x00");
    longest.resize(longest.len() + 0x2000, 0);
    // And a whole query with something behind it.
    let mut followed = query(2, b'a');
    followed.resize(followed.len() + 0x2000, 0);
    for request in [longest, followed] {
        client.send(&request).unwrap();
        let mut answer = [0; 512];
        client.recv(&mut answer).unwrap();
        assert_eq!(answer[..2], request[..2]);
        assert_eq!(answer[3] & 0x0F, 1);
    }
    listener.stop().unwrap();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_and_stopping_leaves_nothing_behind() {
    let shared = shared("");
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    for _ in 0..50 {
        let running = listen(&shared, &[&address], 4);
        let local = running.local[0];
        let answer = tokio::task::spawn_blocking(move || ask("127.0.0.1:0", local))
            .await
            .unwrap();
        assert_eq!(answer.unwrap()[..2], [0, 1]);
        // Waits for the threads.
        assert!(running.supervisor.stop(PATIENCE).await);
        // Not shareable: it is free only when no descriptor has it.
        bound(&address);
    }
    assert_eq!(shared.counters.totals(Transport::Udp).by_type[0], 50);
}
