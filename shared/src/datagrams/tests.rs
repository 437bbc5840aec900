//! Through real sockets on loopback.

use std::net::{IpAddr, Ipv4Addr, Shutdown, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use socket2::SockRef;

use super::*;

const SIZES: Sizes = Sizes {
    slots: 4,
    datagram_bytes_max: 16,
    reply_bytes_max: 8,
};

fn bind(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// A socket and a client that takes datagrams from this address of it only.
fn pair(server: &str, client: &str, to: &str) -> (UdpSocket, UdpSocket) {
    let server = bind(server);
    report_destinations(&server).unwrap();
    let client = bind(client);
    let to: IpAddr = to.parse().unwrap();
    client.connect((to, server.local_addr().unwrap().port())).unwrap();
    (server, client)
}

fn received(client: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 64];
    let length = client.recv(&mut bytes).unwrap();
    bytes[..length].to_vec()
}

fn texts(batch: &Datagrams) -> Vec<&[u8]> {
    batch.iter().map(|datagram| datagram.bytes).collect()
}

/// Replies with the first byte of each datagram, twice.
fn reply_to_all(batch: &mut Datagrams) {
    batch.answer_each(|datagram, reply| {
        reply[..2].fill(datagram.bytes[0]);
        Some(2)
    });
}

#[test]
fn a_batch_is_what_is_there_and_the_rest_comes_with_the_next() {
    let (server, client) = pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(SIZES);
    for text in [b"a", b"b", b"c", b"d", b"e", b"f"] {
        client.send(text).unwrap();
    }
    assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 4);
    assert_eq!(texts(&batch), [b"a", b"b", b"c", b"d"]);
    assert!(
        batch
            .iter()
            .all(|datagram| datagram.source == client.local_addr().unwrap())
    );
    assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 2);
    assert_eq!(texts(&batch), [b"e", b"f"]);
    let nothing = batch.receive(&server, Wait::No).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(batch.iter().count(), 0);
}

#[test]
fn a_socket_for_all_addresses_says_which_of_them_was_asked() {
    for (bound, client, to, said) in [
        ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2", Some("127.0.0.2")),
        ("[::]:0", "127.0.0.1:0", "127.0.0.2", Some("::ffff:127.0.0.2")),
        ("[::]:0", "[::1]:0", "::1", Some("::1")),
        ("127.0.0.2:0", "127.0.0.1:0", "127.0.0.2", None),
    ] {
        let (server, client) = pair(bound, client, to);
        client.send(b"a").unwrap();
        let mut batch = Datagrams::new(SIZES);
        batch.receive(&server, Wait::ForFirst).unwrap();
        let said: Option<IpAddr> = said.map(|said| said.parse().unwrap());
        let destinations: Vec<_> = batch.iter().map(|datagram| datagram.destination()).collect();
        assert_eq!(destinations, [said], "{bound}");
    }
}

#[test]
fn slots_are_as_new_for_every_batch() {
    let (server, long) = pair("[::]:0", "[::1]:0", "::1");
    let short = bind("127.0.0.1:0");
    short
        .connect(("127.0.0.1", server.local_addr().unwrap().port()))
        .unwrap();
    let mut batch = Datagrams::new(SIZES);
    for _ in 0..3 {
        for (client, text) in [(&short, "x"), (&long, "a longer text"), (&short, ""), (&long, "yz")] {
            client.send(text.as_bytes()).unwrap();
            assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 1);
            let datagram = batch.iter().next().unwrap();
            assert_eq!((datagram.bytes, datagram.is_cut_off), (text.as_bytes(), false));
            assert_eq!(datagram.source.port(), client.local_addr().unwrap().port());
            batch.answer_each(|datagram, reply| {
                reply[0] = datagram.bytes.len() as u8;
                Some(1)
            });
            assert_eq!(batch.send(&server), 0);
            assert_eq!(received(client), [text.len() as u8]);
        }
    }
}

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    for (server, client, to) in [
        ("127.0.0.9:0", "127.0.0.1:0", "127.0.0.9"),
        ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.9"),
        ("[::1]:0", "[::1]:0", "::1"),
        ("[::]:0", "[::1]:0", "::1"),
        ("[::]:0", "127.0.0.1:0", "127.0.0.9"),
    ] {
        let (server, client) = pair(server, client, to);
        let mut batch = Datagrams::new(SIZES);
        client.send(b"q").unwrap();
        assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 1);
        reply_to_all(&mut batch);
        assert_eq!(batch.send(&server), 0);
        assert_eq!(received(&client), b"qq", "{to} on {server:?}");
    }
}

#[test]
fn an_ipv4_sender_has_its_ipv6_form_on_a_socket_for_both() {
    let (server, client) = pair("[::]:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(SIZES);
    client.send(b"q").unwrap();
    batch.receive(&server, Wait::ForFirst).unwrap();
    let source = batch.iter().next().unwrap().source;
    assert_eq!(source.ip(), IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped()));
    assert_eq!(source.port(), client.local_addr().unwrap().port());
}

#[test]
fn what_is_too_long_is_cut_off_and_says_so() {
    let (server, client) = pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(SIZES);
    client.send(b"exactly 16 bytes").unwrap();
    client.send(b"it's 17 bytes now").unwrap();
    client.send(b"short").unwrap();
    assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 3);
    let seen: Vec<_> = batch
        .iter()
        .map(|datagram| (datagram.bytes, datagram.is_cut_off))
        .collect();
    assert_eq!(
        seen,
        [
            (&b"exactly 16 bytes"[..], false),
            (b"it's 17 bytes no", true),
            (b"short", false)
        ]
    );
}

#[test]
fn a_datagram_may_have_no_reply_and_no_reply_is_longer_than_its_room() {
    let (server, client) = pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(SIZES);
    for text in [b"a", b"b", b"c", b"d"] {
        client.send(text).unwrap();
    }
    batch.receive(&server, Wait::ForFirst).unwrap();
    batch.answer_each(|datagram, reply| {
        assert_eq!(reply.len(), SIZES.reply_bytes_max);
        reply.fill(datagram.bytes[0]);
        match datagram.bytes {
            b"b" => Some(3),
            b"d" => Some(1000),
            _ => None,
        }
    });
    assert_eq!(batch.send(&server), 0);
    assert_eq!(received(&client), b"bbb");
    assert_eq!(received(&client), b"dddddddd");
    assert_eq!(batch.send(&server), 0, "what was sent is not sent again");
    reply_to_all(&mut batch);
    batch.receive(&server, Wait::No).unwrap_err();
    batch.send(&server);
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut [0; 8]).is_err(), "replies belong to one batch");
}

#[test]
fn a_reply_that_is_not_taken_does_not_keep_back_the_others() {
    let (server, client) = pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(Sizes {
        reply_bytes_max: 1 << 16,
        ..SIZES
    });
    for text in [b"a", b"b", b"c", b"d"] {
        client.send(text).unwrap();
    }
    batch.receive(&server, Wait::ForFirst).unwrap();
    // No datagram has 65536 bytes.
    batch.answer_each(|datagram, reply| {
        reply[0] = datagram.bytes[0];
        Some(if matches!(datagram.bytes, b"a" | b"c") {
            reply.len()
        } else {
            1
        })
    });
    assert_eq!(batch.send(&server), 2);
    assert_eq!((received(&client), received(&client)), (b"b".to_vec(), b"d".to_vec()));
}

#[test]
fn a_receiver_that_waits_hears_of_the_end_and_what_came_before_is_received() {
    for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
        let socket = bind(address);
        socket.set_read_timeout(None).unwrap();
        let waiting = socket.try_clone().unwrap();
        let receiver = std::thread::spawn(move || Datagrams::new(SIZES).receive(&waiting, Wait::ForFirst).unwrap());
        shut_down(&socket);
        assert_eq!(receiver.join().unwrap(), 0, "{address}");
        let client = bind(if address.starts_with('1') {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        });
        let to = if address.starts_with('1') { "127.0.0.1" } else { "::1" };
        client
            .send_to(b"late", (to, socket.local_addr().unwrap().port()))
            .unwrap();
        let mut batch = Datagrams::new(SIZES);
        assert_eq!(batch.receive(&socket, Wait::ForFirst).unwrap(), 1);
        assert_eq!(texts(&batch), [b"late"]);
        assert_eq!(batch.receive(&socket, Wait::ForFirst).unwrap(), 0);
        assert_eq!(batch.iter().count(), 0);
    }
}

/// Wakes who receives, although the socket is connected to nobody and the system says so.
fn shut_down(socket: &UdpSocket) {
    let error = SockRef::from(socket).shutdown(Shutdown::Read).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::ENOTCONN as i32));
}

#[test]
fn who_only_receives_needs_no_room_for_replies() {
    let (server, client) = pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
    let mut batch = Datagrams::new(Sizes {
        reply_bytes_max: 0,
        ..SIZES
    });
    client.send(b"log").unwrap();
    assert_eq!(batch.receive(&server, Wait::ForFirst).unwrap(), 1);
    batch.answer_each(|_, reply| Some(reply.len() + 1));
    assert_eq!(batch.send(&server), 0);
    assert_eq!(received(&client), b"");
}
