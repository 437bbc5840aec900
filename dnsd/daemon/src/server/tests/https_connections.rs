//! Connections with HTTP/2 whose clients are slow, silent or too many, over a clock of the tests' own.

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::time::Instant;

use super::super::encrypted::serve_http2;
use super::*;

struct Client {
    sender: SendRequest<Bytes>,
    served: JoinHandle<()>,
    stop: CancellationToken,
    shared: Shared,
}

async fn connect_http2(shared: Shared) -> Client {
    let (client, server) = duplex(64 << 10);
    let place = shared.places.take(CLIENT).unwrap();
    let responder = Arc::new(shared.responder(Transport::Https));
    let idle_max = shared.serving.load().tcp_idle_max;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let served = tokio::spawn(async move {
        let peer = connected(CLIENT);
        serve_http2(server, peer, responder, "/dns-query".into(), place, idle_max, &stopped).await;
    });
    let (sender, connection) = h2::client::handshake(client).await.unwrap();
    tokio::spawn(async move {
        // Its end is what the test waits for.
        let _ = connection.await;
    });
    Client {
        sender,
        served,
        stop,
        shared,
    }
}

impl Client {
    /// Begins a request with this content, and says whether that is all.
    async fn begin(&self, content: &[u8], is_all: bool) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let request =
            http::Request::post("https://dns.test/dns-query").header("content-type", "application/dns-message");
        let mut sender = self.sender.clone().ready().await.unwrap();
        let (response, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::copy_from_slice(content), is_all).unwrap();
        (response, stream)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_to_its_end_is_given_up() {
    let client = connect_http2(shared("")).await;
    let begun = Instant::now();
    let (response, _stream) = client.begin(b"\0\0", false).await;
    assert!(response.await.unwrap_err().is_reset());
    assert_eq!(begun.elapsed().as_secs(), 30);
    // The connection is there for others.
    let (response, _) = client.begin(&query(0, b'a'), true).await;
    assert_eq!(response.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn long_requests_do_not_wait_for_each_other_s_octets() {
    let client = connect_http2(shared("")).await;
    let begun = Instant::now();
    // What HTTP/2 allows for all streams together unless it is told otherwise is 64 KiB (RFC 9113 §6.9.2).
    let part = vec![0; 5000];
    let (first, mut rest_of_first) = client.begin(&part, false).await;
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(client.begin(&part, false).await);
    }
    // All have come when another is answered.
    let (short, _) = client.begin(&query(0, b'a'), true).await;
    assert_eq!(short.await.unwrap().status(), 200);
    rest_of_first.send_data(Bytes::from(vec![0; 15_000]), true).unwrap();
    assert_eq!(first.await.unwrap().status(), 200);
    for (response, mut rest) in others {
        rest.send_data(Bytes::from_static(b"\0"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_when_it_was_idle_for_long() {
    for (key, first, later) in [
        ("tcp-idle-timeout = \"40s\"", 10, 40),
        ("tcp-idle-timeout = \"3s\"", 3, 3),
    ] {
        let begun = Instant::now();
        let client = connect_http2(shared(key)).await;
        client.served.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), first, "without a request");
        let client = connect_http2(shared(key)).await;
        let (response, _) = client.begin(&query(0, b'a'), true).await;
        assert_eq!(response.await.unwrap().status(), 200);
        let begun = Instant::now();
        client.served.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), later, "after one");
        assert_eq!(client.shared.places.usage().open, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_gives_its_place_up() {
    let shared = shared("tcp-clients = 1");
    let client = connect_http2(shared.clone()).await;
    let (_response, _stream) = client.begin(b"\0\0", false).await;
    let _place = shared.places.take([192, 0, 2, 9].into()).unwrap();
    client.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_not_begun_or_is_ending_gives_its_place_up_at_once() {
    let shared = shared("tcp-clients = 1\ntcp-idle-timeout = \"3s\"");
    // A client of which nothing comes, and one that hasn't heard that the connection ends.
    for begins in [false, true] {
        let (mut client, server) = duplex(64 << 10);
        let (place, responder) = (shared.places.take(CLIENT).unwrap(), shared.responder(Transport::Https));
        let served = tokio::spawn(async move {
            let (peer, path) = (connected(CLIENT), "/dns-query".into());
            let idle_max = Duration::from_secs(3);
            serve_http2(
                server,
                peer,
                responder.into(),
                path,
                place,
                idle_max,
                &CancellationToken::new(),
            )
            .await;
        });
        if begins {
            // With empty settings (RFC 9113 §6.5).
            client
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .await
                .unwrap();
            // The frame by which it would hear is the first GOAWAY (§6.8).
            let mut frame = [0; 9];
            while frame[3] != 7 {
                client.read_exact(&mut frame).await.unwrap();
                let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
                client.read_exact(&mut vec![0; length as usize]).await.unwrap();
            }
        }
        let before = Instant::now();
        let _place = shared.places.take([192, 0, 2, 9].into()).unwrap();
        served.await.unwrap();
        assert_eq!(before.elapsed().as_secs(), 0, "{begins}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_begun_is_answered_though_the_listener_ends() {
    let client = connect_http2(shared("")).await;
    let request = query(0, b'a');
    let (response, mut stream) = client.begin(&request[..5], false).await;
    // It has been taken when another is answered.
    let (other, _) = client.begin(&request, true).await;
    assert_eq!(other.await.unwrap().status(), 200);
    client.stop.cancel();
    // Forwarders may take as long as that.
    tokio::time::sleep(Duration::from_secs(10)).await;
    stream.send_data(Bytes::copy_from_slice(&request[5..]), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    client.served.await.unwrap();
}
