use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::tls::{PeerCheck, TlsFiles, client_config, server_config};

const HEALTHY: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: any\r\n\r\n";

/// More than the kernel takes for a client that reads nothing.
const MUCH: usize = 64 << 20;

/// A server on a port of its own.
struct Served {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Requests that are never answered.
    unanswered: Arc<Semaphore>,
    /// Requests that came to `/later`, and answers that they are given.
    later: Arc<(Semaphore, Semaphore)>,
    /// Each answer of `/kept` keeps one more of it.
    kept: Arc<()>,
}

fn served() -> Served {
    served_at(Listener::Tcp)
}

fn served_at(listens: impl FnOnce(TcpListener) -> Listener) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listens(listener);
    let stop = CancellationToken::new();
    let unanswered = Arc::new(Semaphore::new(0));
    let asked = unanswered.clone();
    let never = async move || {
        asked.add_permits(1);
        std::future::pending::<()>().await;
    };
    let later = Arc::new((Semaphore::new(0), Semaphore::new(0)));
    let (asked, answers) = (later.clone(), later.clone());
    let in_time = async move || {
        asked.0.add_permits(1);
        answers.1.acquire().await.unwrap().forget();
        "in time"
    };
    let kept = Arc::new(());
    let keep = kept.clone();
    let keeping = async move || keep_until_sent(vec![b'x'; MUCH].into_response(), keep.clone());
    let pages = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/much", get(|| async { vec![b'x'; MUCH] }))
        .route("/kept", get(keeping))
        .route("/never", get(never))
        .route("/later", get(in_time));
    Served {
        address,
        task: tokio::spawn(serve(listener, pages, "closed", stop.clone())),
        stop,
        unanswered,
        later,
        kept,
    }
}

impl Served {
    async fn client(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client that has asked for a page, and for nothing after it.
    async fn asks(&self, page: &str) -> TcpStream {
        let mut client = self.client().await;
        let request = format!("GET {page} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        client
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn is_healthy(client: &mut TcpStream) -> bool {
    client.write_all(HEALTHY).await.unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.is_ok() && answer == *b"HTTP/1.1 200 OK"
}

/// Whether the other end closed it, all that it still sent left aside.
async fn ends(client: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A connection that is closed with something unread in it is reset.
    client
        .read_to_end(&mut rest)
        .await
        .map_or_else(|error| error.kind() == io::ErrorKind::ConnectionReset, |_| true)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_ends_its_head_is_closed() {
    let served = served();
    let mut says_nothing = served.client().await;
    let mut drips = served.client().await;
    drips.write_all(b"GET / HTTP/1.1\r\nX-A: ").await.unwrap();
    let start = Instant::now();
    // Each octet is in time; the head as a whole is not.
    while drips.write_all(b"a").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < 2 * HEAD_TIMEOUT);
    assert!(ends(&mut says_nothing).await);
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_nothing_more_is_closed() {
    let served = served();
    let mut client = served.client().await;
    assert!(is_healthy(&mut client).await);
    let start = Instant::now();
    assert!(ends(&mut client).await);
    assert!(start.elapsed() >= HEAD_TIMEOUT);
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_closed() {
    let served = served();
    let mut client = served.client().await;
    client
        .write_all(b"GET /much HTTP/1.1\r\nHost: any\r\n\r\n")
        .await
        .unwrap();
    client.readable().await.unwrap();
    // Nothing is read until the server has given up.
    sleep(2 * STALL_TIMEOUT).await;
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert!(rest.len() < MUCH, "the answer was cut off");
    served.stop().await;
}

#[tokio::test]
async fn who_says_nothing_makes_room_for_who_asks() {
    let served = served();
    let mut first = served.client().await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut others = Vec::new();
    for _ in 1..CONNECTIONS_MAX {
        others.push(served.client().await);
    }
    let mut asks = served.client().await;
    assert!(is_healthy(&mut asks).await);
    assert!(ends(&mut first).await, "it had been waiting longest");
    served.stop().await;
}

#[tokio::test]
async fn who_is_being_answered_keeps_the_place() {
    let served = served();
    let mut busy = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut client = served.client().await;
        client
            .write_all(b"GET /never HTTP/1.1\r\nHost: any\r\n\r\n")
            .await
            .unwrap();
        busy.push(client);
    }
    let all = u32::try_from(CONNECTIONS_MAX).unwrap();
    served.unanswered.acquire_many(all).await.unwrap().forget();
    let mut one_more = served.client().await;
    assert!(ends(&mut one_more).await, "there is no place for it");
    drop(busy);
    loop {
        let mut client = served.client().await;
        let _ = client.write_all(HEALTHY).await;
        let mut answer = [0; 15];
        if client.read_exact(&mut answer).await.is_ok() {
            break;
        }
    }
    served.stop.cancel();
}

#[tokio::test]
async fn stopping_waits_for_no_client_that_waits() {
    let served = served();
    let mut idle = served.client().await;
    assert!(is_healthy(&mut idle).await);
    served.stop().await;
    assert!(ends(&mut idle).await);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_no_rest_of_a_request() {
    let served = served();
    let mut half = served.client().await;
    half.write_all(b"G").await.unwrap();
    let mut after_it = served.client().await;
    assert!(is_healthy(&mut after_it).await);
    let start = Instant::now();
    served.stop().await;
    assert!(start.elapsed() < LAST_ANSWERS_TIME, "{:?}", start.elapsed());
    assert!(ends(&mut half).await);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_a_short_time_for_who_is_being_answered() {
    let served = served();
    let _reads_nothing = served.asks("/much").await;
    let _asks_for_too_much = served.asks("/never").await;
    let mut later = served.asks("/later").await;
    served.unanswered.acquire().await.unwrap().forget();
    served.later.0.acquire().await.unwrap().forget();
    let start = Instant::now();
    served.stop.cancel();
    served.later.1.add_permits(1);
    let mut answer = Vec::new();
    later.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"in time"));
    served.task.await.unwrap();
    let waited = start.elapsed();
    assert!(
        (LAST_ANSWERS_TIME..2 * LAST_ANSWERS_TIME).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_writer_is_not_the_readers_fault() {
    let (ours, mut theirs) = tokio::io::duplex(4);
    let mut ours = Stalling::new(ours, STALL_TIMEOUT);
    ours.write_all(b"ab").await.unwrap();
    sleep(10 * STALL_TIMEOUT).await;
    ours.write_all(b"cd").await.unwrap();
    let mut taken = [0; 4];
    theirs.read_exact(&mut taken).await.unwrap();
    let late = ours.write_all(b"and more than there is room for").await.unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::TimedOut);
}

/// How many of `/kept` there are without an answer that keeps one: ours, and the route's.
const KEPT_BY_NONE: usize = 2;

#[tokio::test]
async fn what_an_answer_keeps_is_kept_until_its_client_has_read_it() {
    let served = served();
    let mut client = served.asks("/kept").await;
    // The kernel has the beginning, and has room for no more than a part of it.
    client.readable().await.unwrap();
    assert_eq!(Arc::strong_count(&served.kept), KEPT_BY_NONE + 1);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Arc::strong_count(&served.kept), KEPT_BY_NONE);
    let head = format!("content-length: {MUCH}\r\n");
    assert!(answer.windows(head.len()).any(|part| part == head.as_bytes()));
    let body = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.len() - body == MUCH && answer[body..].iter().all(|&octet| octet == b'x'));
    served.stop().await;
}

#[tokio::test]
async fn what_an_answer_keeps_is_let_go_with_its_client() {
    let served = served();
    let client = served.asks("/kept").await;
    client.readable().await.unwrap();
    drop(client);
    while Arc::strong_count(&served.kept) > KEPT_BY_NONE {
        tokio::task::yield_now().await;
    }
    served.stop().await;
}

#[tokio::test]
async fn who_reads_a_long_answer_slowly_keeps_the_place() {
    let served = served();
    let mut reads = served.asks("/much").await;
    reads.readable().await.unwrap();
    let mut others = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        others.push(served.client().await);
    }
    // They were admitted in the order of their coming.
    let mut last = served.client().await;
    assert!(is_healthy(&mut last).await);
    let mut answer = Vec::new();
    reads.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() > MUCH, "it was not cut off");
    assert!(ends(&mut others[0]).await, "it had been waiting longest");
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn over_tls_it_is_the_same_and_who_does_not_speak_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["pages.test".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let files = TlsFiles::default();
    let identity = files.identity(&path("cert.pem"), &path("key.pem")).unwrap();
    let authorities = files.authorities(&path("cert.pem")).unwrap();
    let server = Arc::new(server_config(identity, None, &[b"http/1.1"]));
    let served = served_at(|listener| Listener::Tls(listener, server));

    let mut plain = served.client().await;
    plain.write_all(HEALTHY).await.unwrap();
    assert!(ends(&mut plain).await);
    // Who says nothing has the time of a head.
    let mut silent = served.client().await;
    let start = Instant::now();
    assert!(ends(&mut silent).await);
    assert!(start.elapsed() >= HEAD_TIMEOUT && start.elapsed() < 2 * HEAD_TIMEOUT);

    let config = client_config(PeerCheck::Authorities(authorities), None, rustls::ALL_VERSIONS, &[]);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = "pages.test".try_into().unwrap();
    let mut client = connector.connect(name, served.client().await).await.unwrap();
    client.write_all(HEALTHY).await.unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    served.stop().await;
}
