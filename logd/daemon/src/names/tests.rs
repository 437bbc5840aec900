//! Names with a server of the tests' own, which answers as it is told to.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, PTR};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::*;

/// It is in no file of hosts.
const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// What a server says of a kind of records.
#[derive(Clone)]
enum Says {
    Record(RData),
    Code(ResponseCode),
    /// Nothing at all.
    Silence,
}

/// A server, and what it says of names of senders and of where these lead.
struct Server {
    address: SocketAddr,
    says: Arc<Mutex<HashMap<RecordType, Says>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            says: Arc::default(),
            asked: Arc::default(),
        };
        let (says, asked) = (server.says.clone(), server.asked.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                asked.fetch_add(1, Ordering::Relaxed);
                let request = Message::from_vec(&buffer[..length]).unwrap();
                let question = request.queries[0].clone();
                let mut response = Message::response(request.id, request.op_code);
                response.add_query(question.clone());
                let what = says.lock().unwrap().get(&question.query_type()).cloned();
                match what.unwrap_or(Says::Code(ResponseCode::NXDomain)) {
                    Says::Record(data) => {
                        response.add_answer(Record::from_rdata(question.name().clone(), 60, data));
                    }
                    Says::Code(code) => response.metadata.response_code = code,
                    Says::Silence => continue,
                }
                socket.send_to(&response.to_vec().unwrap(), client).await.unwrap();
            }
        });
        server
    }

    fn say(&self, rtype: RecordType, says: Says) {
        self.says.lock().unwrap().insert(rtype, says);
    }

    /// The sender has this name, and it the sender.
    fn name(&self, name: &str) {
        let target = Name::from_ascii(name).unwrap();
        self.say(RecordType::PTR, Says::Record(RData::PTR(PTR(target))));
        let IpAddr::V4(address) = SENDER else { unreachable!() };
        self.say(RecordType::A, Says::Record(RData::A(A(address))));
    }

    fn names(&self) -> Arc<Names> {
        Names::new([self.address].into())
    }
}

/// Waits for the end of a lookup, longer than messages do.
async fn over(lookup: &Lookup) {
    while !lookup.is_over() {
        tokio::select! {
            () = lookup.over.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
}

/// Names that know the sender as web1, for which the time was over so long ago.
async fn that_knew(server: &Server, ago: Duration) -> Arc<Names> {
    server.name("web1.example.");
    let names = server.names();
    let lookup = names.look_up(SENDER);
    over(&lookup).await;
    assert_eq!(lookup.name(), Some("web1.example"));
    names.cache().expire(SENDER, Instant::now().checked_sub(ago).unwrap());
    names
}

#[tokio::test]
async fn who_connects_is_not_named_by_what_its_address_was() {
    for ago in [Duration::ZERO, OLD_MOST, OLD_MOST * 100] {
        let server = Server::start().await;
        let names = that_knew(&server, ago).await;
        server.name("db3.example.");
        let sender = Connected::new(SENDER, Some(&names));
        assert_eq!(sender.name(), None, "{ago:?}");
        sender.settled().await;
        assert_eq!(sender.name(), Some("db3.example"), "{ago:?}");
    }
}

#[tokio::test]
async fn a_datagram_goes_by_what_its_sender_was_called_just_now_and_by_nothing_older() {
    let server = Server::start().await;
    let names = that_knew(&server, Duration::ZERO).await;
    server.say(RecordType::PTR, Says::Silence);
    assert_eq!(names.look_up(SENDER).name(), Some("web1.example"));
    // While the new one is under way too.
    assert_eq!(names.look_up(SENDER).name(), Some("web1.example"));
    let names = that_knew(&server, OLD_MOST).await;
    server.say(RecordType::PTR, Says::Silence);
    let lookup = names.look_up(SENDER);
    assert!(lookup.name().is_none() && lookup.is_waited_for());
}

#[tokio::test]
async fn a_resolver_that_fails_takes_no_name_away() {
    // Of the reverse lookup, and of the forward one.
    for rtype in [RecordType::PTR, RecordType::A] {
        let server = Server::start().await;
        let names = that_knew(&server, Duration::ZERO).await;
        server.say(rtype, Says::Code(ResponseCode::ServFail));
        let (mut connected, new) = (
            Connected::new(SENDER, Some(&names)),
            Connected::new(SENDER, Some(&names)),
        );
        new.settled().await;
        assert_eq!(new.name(), Some("web1.example"), "{rtype}");
        assert_eq!(names.look_up(SENDER).name(), Some("web1.example"), "{rtype}");
        // Not even when it was not asked for in long, from a sender that is connected.
        names
            .cache()
            .expire(SENDER, Instant::now().checked_sub(OLD_MOST).unwrap());
        connected.look_later(&names);
        over(&names.look_up_newest(SENDER)).await;
        connected.look(Some(&names));
        assert_eq!(connected.name(), Some("web1.example"), "{rtype}");
        // That one has another name now is an answer.
        names.cache().expire(SENDER, Instant::now());
        server.name("db3.example.");
        over(&names.look_up_newest(SENDER)).await;
        assert_eq!(names.look_up(SENDER).name(), Some("db3.example"), "{rtype}");
    }
}

#[tokio::test]
async fn where_there_is_no_place_for_a_lookup_what_is_known_stays_known() {
    let server = Server::start().await;
    let names = that_knew(&server, Duration::ZERO).await;
    server.name("db3.example.");
    let mut places: Vec<_> = std::iter::from_fn(|| names.turns.place(SENDER)).collect();
    for _ in 0..2 {
        let new = names.look_up_newest(SENDER);
        assert!(new.is_over());
        assert_eq!(new.name(), Some("web1.example"));
        assert_eq!(names.look_up(SENDER).name(), Some("web1.example"));
    }
    // One that was not known is asked for as soon as there is a place.
    names
        .cache()
        .expire(SENDER, Instant::now().checked_sub(OLD_MOST).unwrap());
    assert!(names.look_up(SENDER).is_over());
    places.clear();
    let lookup = names.look_up(SENDER);
    over(&lookup).await;
    assert_eq!(lookup.name(), Some("db3.example"));
}

#[tokio::test]
async fn that_a_name_leads_nowhere_or_elsewhere_is_an_answer() {
    let elsewhere = RData::A(A(Ipv4Addr::new(192, 0, 2, 9)));
    for says in [
        Says::Code(ResponseCode::NXDomain),
        Says::Code(ResponseCode::NoError),
        Says::Record(elsewhere),
    ] {
        let server = Server::start().await;
        let names = that_knew(&server, Duration::ZERO).await;
        server.say(RecordType::A, says);
        let lookup = names.look_up_newest(SENDER);
        over(&lookup).await;
        assert!(lookup.name().is_none() && !lookup.has_failed());
    }
}

#[tokio::test]
async fn who_connects_while_no_server_answers_gets_its_name_later() {
    let server = Server::start().await;
    server.say(RecordType::PTR, Says::Code(ResponseCode::ServFail));
    let names = server.names();
    let mut sender = Connected::new(SENDER, Some(&names));
    sender.settled().await;
    assert_eq!(sender.name(), None);
    server.name("web1.example.");
    // Not with each read.
    let asked = server.asked.load(Ordering::Relaxed);
    sender.look(Some(&names));
    assert_eq!(server.asked.load(Ordering::Relaxed), asked);
    names.cache().expire(SENDER, Instant::now());
    sender.look_later(&names);
    over(&names.look_up_newest(SENDER)).await;
    sender.look(Some(&names));
    assert_eq!(sender.name(), Some("web1.example"));
}

#[tokio::test]
async fn a_reload_leaves_a_connection_its_name_until_there_is_another() {
    let server = Server::start().await;
    let names = that_knew(&server, Duration::ZERO).await;
    let mut sender = Connected::new(SENDER, Some(&names));
    sender.settled().await;
    let other = Server::start().await;
    other.name("db3.example.");
    let asks_other = other.names();
    sender.follow(Some(&asks_other));
    assert_eq!(sender.name(), Some("web1.example"));
    over(&asks_other.look_up_newest(SENDER)).await;
    sender.look(Some(&asks_other));
    assert_eq!(sender.name(), Some("db3.example"));
    sender.follow(None);
    assert_eq!(sender.name(), None);
}
