use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ballast_shared::supervise::Supervisor;
use dnsd_core::answer::Transport;
use dnsd_core::rrtype::Type;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{ApplyError, Received};

use super::*;
use crate::config::{Rules, TransferTimes};
use crate::remotes::scripted::{Script, Scripted, key};
use crate::zones::Stored;
use crate::zones::test_zone::zone;

mod members;

/// Keeps zones in memory and tells what becomes of them.
#[derive(Clone)]
struct Keeper {
    zones: Arc<Mutex<HashMap<ZoneKey, Arc<Zone>>>>,
    /// Whether whatever comes waits to be accepted.
    holds: Arc<AtomicBool>,
    /// Another version that comes before one that waits, and is served.
    edited: Arc<Mutex<Option<Zone>>>,
    changes: mpsc::UnboundedSender<Changed>,
    told: mpsc::UnboundedSender<Told>,
}

impl Keeper {
    fn store(&self, key: &ZoneKey, received: Received) -> Result<Arc<Zone>, NotTaken> {
        let mut zones = self.zones.lock().unwrap();
        let (zone, told): (_, fn(u32) -> Told) = match received {
            Received::Zone(compiled) => (Arc::new(compiled.zone), Told::Zone),
            Received::Steps(steps) => {
                let mut zone = zones[key].clone();
                for step in steps {
                    zone = Arc::new(step.apply(&zone).map_err(NotTaken::Misfit)?);
                }
                (zone, Told::Steps)
            }
            Received::UpToDate(_) => panic!("nothing to keep"),
        };
        zones.insert(key.clone(), zone.clone());
        self.told.send(told(zone.serial().0)).unwrap();
        Ok(zone)
    }

    /// Tells of a version, like the real one before it says what became of a transfer, and waits until the driver has heard of it.
    async fn tell_changed(&self, key: &ZoneKey, zone: Arc<Zone>) {
        let key = key.clone();
        // At the end there is no driver any more.
        let _ = self.changes.send(Changed { key, zone });
        tokio::task::yield_now().await;
    }
}

/// What the keeper was told, with the serial that is served then.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Zone(u32),
    Steps(u32),
    Confirmed,
    KeptBack,
    Expired,
}

#[derive(Debug)]
enum NotTaken {
    Misfit(ApplyError),
    Held,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(error) => write!(f, "{error:?}"),
            Self::Held => f.write_str("held"),
        }
    }
}

impl Keeping for Keeper {
    type NotTaken = NotTaken;

    async fn stored(&self, key: &ZoneKey) -> Option<Stored> {
        let zone = self.zones.lock().unwrap().get(key).cloned()?;
        Some(Stored {
            zone,
            confirmed_at: SystemTime::now(),
        })
    }

    async fn transferred(&self, key: &ZoneKey, received: Received, _accept: bool) -> Result<Arc<Zone>, NotTaken> {
        if self.holds.load(Ordering::Relaxed) {
            let edited = self.edited.lock().unwrap().take();
            if let Some(edited) = edited {
                self.tell_changed(key, Arc::new(edited)).await;
            }
            return Err(NotTaken::Held);
        }
        let zone = self.store(key, received)?;
        self.tell_changed(key, zone.clone()).await;
        Ok(zone)
    }

    fn is_misfit(error: &NotTaken) -> bool {
        matches!(error, NotTaken::Misfit(_))
    }

    fn is_held(error: &NotTaken) -> bool {
        matches!(error, NotTaken::Held)
    }

    fn confirmed(&self, _: &ZoneKey) {
        self.told.send(Told::Confirmed).unwrap();
    }

    fn kept_back(&self, _: &ZoneKey) {
        self.told.send(Told::KeptBack).unwrap();
    }

    fn expire(&self, key: &ZoneKey) {
        self.zones.lock().unwrap().remove(key);
        self.told.send(Told::Expired).unwrap();
    }
}

/// A driver with a keeper in memory.
struct Bench {
    supervisor: Supervisor,
    commands: mpsc::Sender<Command>,
    notifies: mpsc::Sender<NotifyReceived>,
    told: mpsc::UnboundedReceiver<Told>,
    board: Arc<SecondaryBoard>,
    keeper: Keeper,
}

const LIMITS: TransfersConfig = TransfersConfig {
    in_max: 2,
    in_per_server_max: 1,
    out_max: 1,
    serial_queries_per_second: 100,
};

impl Bench {
    fn start() -> Self {
        let supervisor = Supervisor::new();
        let (commands, received) = mpsc::channel(1);
        let (notifies, notified) = mpsc::channel(1);
        let (changes, changed) = mpsc::unbounded_channel();
        let (sender, told) = mpsc::unbounded_channel();
        let keeper = Keeper {
            zones: Arc::default(),
            holds: Arc::default(),
            edited: Arc::default(),
            changes,
            told: sender,
        };
        let board = Arc::new(SecondaryBoard::default());
        let (driver, events) = Driver::new(keeper.clone(), board.clone(), LIMITS);
        let inputs = Inputs {
            notifies: notified,
            changes: changed,
            members: mpsc::unbounded_channel().1,
        };
        supervisor.start(
            "secondaries",
            driver.run(received, events, inputs, supervisor.stopping()),
        );
        Self {
            supervisor,
            commands,
            notifies,
            told,
            board,
            keeper,
        }
    }

    async fn follow(&self, followed: Vec<Followed>) {
        let (done, applied) = tokio::sync::oneshot::channel();
        let command = Command::Apply {
            followed,
            limits: LIMITS,
            threads: 1,
            done,
        };
        self.commands.send(command).await.ok().unwrap();
        applied.await.unwrap();
    }

    async fn notify(&self, serial: u32) {
        let notify = NotifyReceived {
            key: zone_key(),
            from: "127.0.0.1".parse().unwrap(),
            serial: Some(Serial(serial)),
        };
        self.notifies.send(notify).await.unwrap();
    }

    async fn told(&mut self) -> Told {
        let told = tokio::time::timeout(Duration::from_secs(20), self.told.recv());
        told.await.expect("something becomes of the zone").unwrap()
    }

    /// Waits until the board says what went wrong.
    async fn problem(&self) -> String {
        let look = async {
            loop {
                if let Some(problem) = self.board.zone(&zone_key()).and_then(|status| status.problem) {
                    return problem;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look).await.unwrap()
    }

    async fn stop(self) {
        assert!(self.supervisor.stop(Duration::from_secs(20)).await);
    }
}

fn zone_key() -> ZoneKey {
    ZoneKey::outside("zone.test".parse().unwrap())
}

fn version(serial: u32) -> Zone {
    let hosts: String = (0..100).map(|n| format!("host-{n} A 192.0.2.{n}\n")).collect();
    zone(
        "zone.test",
        &format!("@ SOA ns h {serial} 3600 600 86400 60\n@ NS ns.other.\nserial TXT {serial}\n{hosts}"),
    )
}

fn from(primaries: &[&Scripted]) -> Vec<Followed> {
    let primaries = primaries.iter().map(|primary| primary.remote(&[])).collect();
    vec![Followed {
        role: Role::Secondary,
        key: zone_key(),
        primaries,
        rules: Arc::new(Rules::default()),
        is_member: false,
    }]
}

fn as_peers(mut followed: Vec<Followed>) -> Vec<Followed> {
    for zone in &mut followed {
        zone.role = Role::Peer;
    }
    followed
}

/// What is asked for a zone that isn't there, and then for the next version of it.
const WHOLE_THEN_STEPS: [(Transport, Type); 4] = [
    (Transport::Udp, Type::SOA),
    (Transport::Tcp, Type::AXFR),
    (Transport::Udp, Type::SOA),
    (Transport::Tcp, Type::IXFR),
];

/// What a primary was asked so far.
fn asked(primary: &mut Scripted) -> Vec<(Transport, Type)> {
    let mut asked = Vec::new();
    while let Ok((transport, _, qtype)) = primary.asked.try_recv() {
        asked.push((transport, qtype));
    }
    asked
}

fn primary(serial: u32) -> Scripted {
    Scripted::start(version(serial), &[])
}

#[tokio::test]
async fn a_zone_comes_whole_then_in_steps_when_its_primary_says_so() {
    let mut primary = primary(1);
    let mut bench = Bench::start();
    bench.follow(from(&[&primary])).await;
    assert_eq!(bench.told().await, Told::Zone(1));
    primary.set_zone(version(2));
    bench.notify(2).await;
    assert_eq!(bench.told().await, Told::Steps(2));
    assert_eq!(asked(&mut primary), WHOLE_THEN_STEPS);
    bench.stop().await;
}

#[tokio::test]
async fn a_version_that_was_taken_from_a_peer_is_not_transferred_again_to_be_compared() {
    let mut primary = primary(1);
    let mut bench = Bench::start();
    bench.follow(as_peers(from(&[&primary]))).await;
    assert_eq!(bench.told().await, Told::Zone(1));
    primary.set_zone(version(2));
    bench.notify(2).await;
    assert_eq!(bench.told().await, Told::Steps(2));
    assert_eq!(asked(&mut primary), WHOLE_THEN_STEPS);
    bench.stop().await;
}

#[tokio::test]
async fn an_edit_under_the_serial_of_what_was_transferred_and_not_taken_is_known() {
    let primary = primary(5);
    let mut bench = Bench::start();
    bench.keeper.holds.store(true, Ordering::Relaxed);
    *bench.keeper.edited.lock().unwrap() = Some(version(5));
    bench.follow(as_peers(from(&[&primary]))).await;
    // Of a zone that it doesn't know of it would say nothing.
    assert_eq!(bench.told().await, Told::KeptBack);
    bench.stop().await;
}

#[tokio::test]
async fn the_version_that_is_kept_is_confirmed_without_a_transfer() {
    let primary = primary(7);
    let mut bench = Bench::start();
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(7)));
    bench.follow(from(&[&primary])).await;
    assert_eq!(bench.told().await, Told::Confirmed);
    let status = bench.board.zone(&zone_key()).unwrap();
    assert_eq!(status.primaries, [primary.address.to_string().replace(':', "#")]);
    bench.stop().await;
}

#[tokio::test]
async fn rfc1995_4_a_primary_that_doesnt_know_ixfr_gives_the_whole_zone() {
    let primary = primary(8);
    primary.set_script(Script::WithoutSteps);
    let mut bench = Bench::start();
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(7)));
    bench.follow(from(&[&primary])).await;
    assert_eq!(bench.told().await, Told::Zone(8));
    bench.stop().await;
}

#[tokio::test]
async fn steps_that_dont_fit_are_followed_by_the_whole_zone() {
    let primary = Scripted::start(
        zone(
            "zone.test",
            "@ SOA ns h 7 3600 600 86400 60\n@ NS ns.other.\ngone A 192.0.2.1\n",
        ),
        &[],
    );
    primary.set_zone(version(8));
    let mut bench = Bench::start();
    // The same serial, but other records than the primary had then.
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(7)));
    bench.follow(from(&[&primary])).await;
    assert_eq!(bench.told().await, Told::Zone(8));
    bench.stop().await;
}

#[tokio::test]
async fn the_next_primary_is_asked_when_one_has_nothing_or_breaks_off() {
    let (broken, older, good) = (primary(9), primary(3), primary(5));
    broken.set_script(Script::CutOff);
    let mut bench = Bench::start();
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(4)));
    bench.follow(from(&[&broken, &older, &good])).await;
    // Version 5 has no steps from 4 with this primary.
    assert_eq!(bench.told().await, Told::Zone(5));
    bench.stop().await;
}

#[tokio::test]
async fn a_primary_that_lies_costs_nothing_but_a_line() {
    let primary = primary(9);
    for (script, problem) in [
        (Script::CutOff, "the primary closed the connection"),
        (Script::Endless, "more records than allowed"),
    ] {
        primary.set_script(script);
        let bench = Bench::start();
        let mut followed = from(&[&primary]);
        followed[0].rules = Arc::new(Rules {
            records_max: Some(1000),
            ..Rules::default()
        });
        bench.follow(followed).await;
        let said = bench.problem().await;
        assert!(
            said.contains(problem) || said.contains("the SOA record at the end"),
            "{said}"
        );
        assert!(bench.keeper.zones.lock().unwrap().is_empty());
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_transfer_in_which_nothing_comes_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut primary = primary(9);
    let mut bench = Bench::start();
    let mut followed = from(&[&primary]);
    followed[0].rules = Arc::new(Rules {
        transfer_in: TransferTimes {
            total_max: Duration::from_secs(60),
            idle_max: Duration::from_millis(50),
        },
        ..Rules::default()
    });
    primary.set_script(Script::Honest);
    // It answers datagrams; connections are taken by the system, and by nobody else.
    let silent = listener.local_addr().unwrap();
    let socket = tokio::net::UdpSocket::bind(silent).await.unwrap();
    let honest = primary.address;
    tokio::spawn(async move {
        let relay = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut buffer = [0; 512];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            relay.send_to(&buffer[..len], honest).await.unwrap();
            let len = relay.recv(&mut buffer).await.unwrap();
            socket.send_to(&buffer[..len], from).await.unwrap();
        }
    });
    primary.address = silent;
    followed[0].primaries = [primary.remote(&[])].into();
    bench.follow(followed).await;
    assert!(bench.problem().await.contains("max-transfer-idle-in"));
    assert!(bench.told.try_recv().is_err());
    bench.stop().await;
}

#[tokio::test]
async fn signed_streams_are_verified_and_the_next_key_is_tried() {
    let primary = Scripted::start(version(2), &[key("new")]);
    let mut bench = Bench::start();
    let mut followed = from(&[&primary]);
    followed[0].primaries = [primary.remote(&[key("old"), key("new")])].into();
    bench.follow(followed).await;
    assert_eq!(bench.told().await, Told::Zone(2));
    bench.stop().await;
}

#[tokio::test]
async fn a_retransfer_takes_an_older_version() {
    let primary = primary(3);
    let mut bench = Bench::start();
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(4)));
    bench.follow(from(&[&primary])).await;
    assert!(bench.problem().await.contains("serial number (3)"));
    let (reply, is_there) = tokio::sync::oneshot::channel();
    bench
        .commands
        .send(Command::Retransfer(zone_key(), reply))
        .await
        .ok()
        .unwrap();
    assert!(is_there.await.unwrap());
    assert_eq!(bench.told().await, Told::Zone(3));
    bench.stop().await;
}

#[tokio::test]
async fn a_version_that_waits_keeps_the_zone_alive_that_is_served_and_brings_none_back() {
    let primary = primary(5);
    for is_served in [true, false] {
        let mut bench = Bench::start();
        bench.keeper.holds.store(true, Ordering::Relaxed);
        if is_served {
            let served = Arc::new(version(4));
            bench.keeper.zones.lock().unwrap().insert(zone_key(), served);
        }
        bench.follow(from(&[&primary])).await;
        let said = bench.problem().await;
        assert!(said.contains("is not served"), "{said}");
        assert_eq!(bench.told.try_recv().ok(), is_served.then_some(Told::KeptBack));
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_zone_that_is_followed_no_more_is_forgotten() {
    let primary = primary(3);
    let mut bench = Bench::start();
    bench.follow(from(&[&primary])).await;
    assert_eq!(bench.told().await, Told::Zone(3));
    // The same again leaves it as it is: nobody is asked anew.
    bench.follow(from(&[&primary])).await;
    bench.follow(Vec::new()).await;
    assert!(bench.board.zone(&zone_key()).is_none());
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn rfc1034_4_3_5_a_zone_that_nobody_confirms_expires() {
    let mut bench = Bench::start();
    bench
        .keeper
        .zones
        .lock()
        .unwrap()
        .insert(zone_key(), Arc::new(version(4)));
    let mut followed = from(&[]);
    // Nobody is there.
    followed[0].primaries = [Arc::new(crate::config::Remote {
        name: "nobody".into(),
        addresses: vec!["127.0.0.1:1".parse().unwrap()],
        keys: Vec::new(),
        sources: Vec::new(),
        tls: None,
    })]
    .into();
    bench.follow(followed).await;
    assert_eq!(bench.told.recv().await.unwrap(), Told::Expired);
    assert!(bench.keeper.zones.lock().unwrap().is_empty());
    bench.stop().await;
}
