//! What clients do with a TCP connection beside asking one thing after another.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

#[tokio::test]
async fn a_client_that_closed_its_side_gets_its_answers() {
    let mut connection = connect(shared(""), 1 << 20);
    let queries: Vec<Vec<u8>> = (0..100).map(|id| query(id, b'a')).collect();
    connection.client.write_all(&framed(&queries)).await.unwrap();
    connection.client.shutdown().await.unwrap();
    for id in 0..100_u16 {
        assert_eq!(connection.answer().await[..2], id.to_be_bytes());
    }
    assert_eq!(connection.client.read(&mut [0]).await.unwrap(), 0);
    connection.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_message_is_forgotten() {
    for cut in [1, 2, 3, 20] {
        let mut connection = connect(shared(""), 1 << 20);
        let half = &framed(&[query(2, b'a')])[..cut];
        let bytes = [&framed(&[query(1, b'a')]), half].concat();
        connection.client.write_all(&bytes).await.unwrap();
        assert_eq!(connection.answer().await[..2], [0, 1]);
        drop(connection.client);
        connection.served.await.unwrap().unwrap();
        assert_eq!(connection.shared.places.usage().open, 0);
        assert_eq!(connection.shared.counters.totals(Transport::Tcp).by_type[0], 1);
    }
}

#[tokio::test]
async fn messages_of_no_length_are_passed_over() {
    let mut connection = connect(shared(""), 1 << 20);
    let mut bytes = vec![0; 2 * 5000];
    bytes.extend(framed(&[query(3, b'a')]));
    connection.client.write_all(&bytes).await.unwrap();
    assert_eq!(connection.answer().await[..2], [0, 3]);
    assert_eq!(connection.shared.counters.totals(Transport::Tcp).ignored, 5000);
}

#[tokio::test]
async fn a_message_of_64_kib_may_come_between_others_in_pieces() {
    // The room is small: what is written comes in many reads.
    let mut connection = connect(shared(""), 1000);
    let mut longest = query(2, b'a');
    longest.resize(MESSAGE_BYTES_MAX, 0);
    for _ in 0..3 {
        let bytes = framed(&[query(1, b'a'), longest.clone(), query(3, b'b')]);
        connection.client.write_all(&bytes).await.unwrap();
        for id in 1..=3 {
            assert_eq!(connection.answer().await[..2], [0, id]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_query_has_less_time_than_those_after_it() {
    let shared = shared("tcp-idle-timeout = \"60s\"");
    let silent = connect(shared.clone(), 1 << 20);
    let mut asking = connect(shared, 1 << 20);
    let started = tokio::time::Instant::now();
    asking.client.write_all(&framed(&[query(1, b'a')])).await.unwrap();
    asking.answer().await;
    silent.served.await.unwrap().unwrap();
    assert_eq!(started.elapsed().as_secs(), 10);
    asking.served.await.unwrap().unwrap();
    assert_eq!(started.elapsed().as_secs(), 60);
}

/// Counts the calls that do something.
struct Counted {
    stream: DuplexStream,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn rfc7766_6_2_1_1_pipelined_queries_take_one_read_and_one_write() {
    let shared = shared("");
    let (mut client, stream) = duplex(1 << 20);
    let (reads, writes) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let mut counted = Counted {
        stream,
        reads: reads.clone(),
        writes: writes.clone(),
    };
    let queries: Vec<Vec<u8>> = (0..500).map(|id| query(id, b'a')).collect();
    client.write_all(&framed(&queries)).await.unwrap();
    client.shutdown().await.unwrap();
    let place = shared.places.take(CLIENT).unwrap();
    let responder = shared.responder(Transport::Tcp);
    connection::serve(
        &mut counted,
        connected(CLIENT),
        &responder,
        &place,
        PATIENCE,
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    drop(counted);
    // The second read is that of the end.
    assert_eq!((reads.load(Ordering::Relaxed), writes.load(Ordering::Relaxed)), (2, 1));
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).await.unwrap();
    assert!(answers.len() < 64 << 10, "a batch holds them all");
    let each = answers.len() / 500;
    for (id, answer) in answers.chunks(each).enumerate() {
        assert_eq!(answer[2..4], (id as u16).to_be_bytes());
    }
}
