use ballast_shared::config::Diagnostics;
use ballast_shared::supervise::Supervisor;
use dnsd_core::message::Opcode;
use dnsd_core::zones::Zones;

use super::*;
use crate::config::{self, NotifyMode, Rules};
use crate::notify::Notify;
use crate::remotes::scripted::{Script, Scripted, key};
use crate::server::views::{Kind, Views};
use crate::zones::test_zone::zone;

struct Bench {
    supervisor: Supervisor,
    shared: Shared,
    changes: mpsc::UnboundedSender<Changed>,
    notify: Notify,
}

fn zone_key() -> ZoneKey {
    ZoneKey::outside("zone.test".parse().unwrap())
}

fn version(serial: u32) -> Arc<Zone> {
    let text = format!("@ SOA ns h {serial} 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n");
    Arc::new(zone("zone.test", &text))
}

impl Bench {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dnsd.toml");
        std::fs::write(&file, "").unwrap();
        let config = config::load(&file, &Diagnostics::new()).unwrap();
        let shared = Shared::new(&config).unwrap();
        let supervisor = Supervisor::new();
        let (changes, changed) = mpsc::unbounded_channel();
        let notify = Notify::start(shared.clone(), changed, &config, &supervisor);
        Self {
            supervisor,
            shared,
            changes,
            notify,
        }
    }

    /// Serves a version of the zone, with these told of changes.
    fn serve(&self, zone: &Arc<Zone>, also: &[&Scripted], keys: &[Arc<dnsd_core::tsig::Key>], delay: Duration) {
        let mut rules = Rules::default();
        rules.notify.mode = NotifyMode::Explicit;
        rules.notify.also = also.iter().map(|server| server.remote(keys)).collect();
        rules.notify.delay = delay;
        let info = ZoneInfo::new(zone_key(), Arc::new(rules), Kind::Primary);
        let zones = Zones::new([(zone.origin().to_name(), ZoneState::Loaded(zone.clone()))]);
        let views = Views::new([], View::outside(zones, Arc::new([Arc::new(info)])));
        drop(self.shared.set_views(&views));
        let changed = Changed {
            key: zone_key(),
            zone: zone.clone(),
        };
        self.changes.send(changed).unwrap();
    }

    async fn stop(self) {
        assert!(self.supervisor.stop(Duration::from_secs(20)).await);
    }
}

#[tokio::test]
async fn a_version_that_comes_while_it_is_found_out_whom_to_tell_is_told_of() {
    let bench = Bench::start();
    bench.serve(&version(1), &[], &[], Duration::ZERO);
    let (mut driver, _events) = Driver::new(
        bench.shared.clone(),
        Settings {
            listen: Vec::new(),
            per_second: 20,
        },
    );
    let key = zone_key();
    driver.handle_news(&key, None);
    driver.look_at_due();
    assert!(driver.tellers[&key].is_finding);
    driver.handle_news(&key, None);
    driver.look_at_due();
    // The version before had nobody to tell.
    let nobody = Targets {
        places: Vec::new(),
        left_out: 0,
    };
    driver.handle_event(Event {
        key: key.clone(),
        what: Ended::Found(nobody),
    });
    driver.look_at_due();
    assert!(driver.tellers[&key].is_finding);
    bench.stop().await;
}

#[tokio::test]
async fn at_the_start_a_few_zones_are_looked_at_ahead_and_one_that_changes_before_the_rest() {
    let keys: Vec<ZoneKey> = (0..2 * INTRODUCED_AHEAD_MAX)
        .map(|n| ZoneKey::outside(format!("z{n:03}.test").parse().unwrap()))
        .collect();
    let bench = Bench::start();
    let served = keys.iter().map(|key| {
        let version = zone(&key.name.to_string(), "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n");
        (key.name.clone(), ZoneState::Loaded(Arc::new(version)))
    });
    let infos = keys
        .iter()
        .map(|key| Arc::new(ZoneInfo::new(key.clone(), Arc::new(Rules::default()), Kind::Primary)));
    let views = Views::new([], View::outside(Zones::new(served), infos.collect()));
    drop(bench.shared.set_views(&views));
    let settings = Settings {
        listen: Vec::new(),
        per_second: 20,
    };
    let (mut driver, _events) = Driver::new(bench.shared.clone(), settings);
    for key in &keys {
        driver.handle_news(key, None);
    }
    driver.look_at_due();
    let looked_at = |driver: &Driver| keys.iter().filter(|key| driver.tellers[*key].is_finding).count();
    assert_eq!(looked_at(&driver), INTRODUCED_AHEAD_MAX);
    let last = keys.last().unwrap();
    driver.handle_news(last, None);
    driver.look_at_due();
    assert!(driver.tellers[last].is_finding);
    assert_eq!(looked_at(&driver), INTRODUCED_AHEAD_MAX + 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_of_many_secondaries_is_told_in_the_pace_of_all() {
    let server = Scripted::start(zone("other.test", "@ SOA ns h 1 2 3 4 5\n@ NS ns.\n"), &[]);
    let bench = Bench::start();
    bench.serve(&version(1), &[], &[], Duration::ZERO);
    let (mut driver, _events) = Driver::new(
        bench.shared.clone(),
        Settings {
            listen: Vec::new(),
            per_second: 20,
        },
    );
    let key = zone_key();
    driver.handle_news(&key, None);
    driver.look_at_due();
    driver.handle_event(Event {
        key: key.clone(),
        what: Ended::Found(Targets {
            places: Place::all_of(&vec![server.remote(&[]); 100]),
            left_out: 0,
        }),
    });
    let told = |driver: &Driver| {
        let states = driver.tellers[&zone_key()].notifier.wakes_at();
        states.is_some_and(|at| at > driver.now())
    };
    driver.look_at_due();
    assert!(!told(&driver), "twenty of a hundred");
    let mut secs = 0;
    while !told(&driver) {
        tokio::time::advance(Duration::from_secs(1)).await;
        secs += 1;
        driver.look_at_due();
    }
    // Retries of the first are due after five seconds.
    assert!((4..=8).contains(&secs), "{secs}");
    bench.stop().await;
}

async fn notified(server: &mut Scripted) {
    let asked = tokio::time::timeout(Duration::from_secs(20), server.asked.recv());
    let (_, opcode, _) = asked.await.expect("a message").unwrap();
    assert_eq!(opcode, Opcode::NOTIFY);
}

#[tokio::test]
async fn rfc1996_3_who_is_to_be_told_is_told_of_every_version() {
    let keys = [key("ours")];
    let mut servers = [&keys[..], &keys[..]]
        .map(|keys| Scripted::start(zone("other.test", "@ SOA ns h 1 2 3 4 5\n@ NS ns.\n"), keys));
    let bench = Bench::start();
    for serial in 1..3 {
        bench.serve(&version(serial), &servers.each_ref(), &keys, Duration::ZERO);
        for server in &mut servers {
            notified(server).await;
        }
    }
    assert!(bench.notify.notify(zone_key()).await);
    for server in &mut servers {
        notified(server).await;
    }
    assert!(
        !bench
            .notify
            .notify(ZoneKey::outside("other.test".parse().unwrap()))
            .await
    );
    bench.stop().await;
}

#[tokio::test]
async fn changes_that_come_together_are_told_together() {
    let mut server = Scripted::start(zone("other.test", "@ SOA ns h 1 2 3 4 5\n@ NS ns.\n"), &[]);
    let bench = Bench::start();
    let hour = Duration::from_secs(3600);
    for serial in 1..3 {
        bench.serve(&version(serial), &[&server], &[], hour);
        notified(&mut server).await;
    }
    for serial in 3..20 {
        bench.serve(&version(serial), &[&server], &[], hour);
    }
    // Somebody's wish doesn't wait, and is all that follows.
    assert!(bench.notify.notify(zone_key()).await);
    notified(&mut server).await;
    assert!(server.asked.try_recv().is_err());
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn rfc1996_3_6_who_doesnt_answer_is_told_again_and_given_up() {
    let mut server = Scripted::start(zone("other.test", "@ SOA ns h 1 2 3 4 5\n@ NS ns.\n"), &[]);
    server.set_script(Script::Silent);
    let bench = Bench::start();
    bench.serve(&version(1), &[&server], &[], Duration::ZERO);
    for _ in 0..4 {
        let (_, opcode, _) = server.asked.recv().await.unwrap();
        assert_eq!(opcode, Opcode::NOTIFY);
    }
    bench.stop().await;
}
