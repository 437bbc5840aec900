use std::task::{self, Wake, Waker};
use std::time::{Duration, Instant};

use logd_core::message::Origin;
use logd_core::parse::parse;
use logd_core::time::ZoneCache;
use regex::bytes::Regex;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;

const SECOND: i64 = 1_796_132_700;

/// Sends messages through a tap as one batch received in this second.
fn batch(tap: &Tap, second: i64, messages: &[String]) {
    let received = Timestamp::from_unix(second, 0);
    let mut looking = tap.look(received);
    for message in messages {
        let message = parse(
            message.as_bytes(),
            received,
            &mut ZoneCache::new(jiff::tz::TimeZone::UTC),
        );
        let origin = Origin {
            peer: Some(([192, 0, 2, 7], 5140).into()),
            received,
            input: "net",
            truncated: false,
            peer_name: None,
        };
        let context = Context {
            message: &message,
            origin: &origin,
            sender_name: None,
            cloud: logd_core::cloud::Sender::default(),
            my_hostname: "collector",
            now: received,
            uuid: &|| [0; 16],
        };
        tap.show(&mut looking, &context);
    }
    tap.finish(&looking, received);
}

fn numbered(host: &str, count: usize) -> Vec<String> {
    let message = |n| format!("<11>1 2026-12-01T13:45:00Z {host} app 7 - - n{n}");
    (0..count).map(message).collect()
}

/// Runs what a listener does, with a clock that nobody has to wait for.
fn listen<T>(listening: impl Future<Output = T>) -> T {
    let mut runtime = Builder::new_current_thread();
    runtime
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(listening)
}

fn listening(tap: &Arc<Tap>, filter: Filter) -> Listening {
    tap.listen(tap.place().unwrap(), filter).1
}

fn of_host(host: &str) -> Filter {
    Filter {
        fields: Fields {
            host: Pattern::parse(host),
            ..Fields::default()
        },
        text: None,
    }
}

fn of_text(pattern: &str) -> Filter {
    Filter {
        fields: Fields::default(),
        text: Some(Regex::new(pattern).unwrap()),
    }
}

fn recent(tap: &Tap, filter: &Filter, max: usize) -> Recent {
    Recent::of(&tap.kept(), filter, max, || false)
}

#[test]
fn a_message_is_copied_with_all_that_is_known_of_it() {
    let tap = Tap::new();
    batch(
        &tap,
        SECOND,
        &["<86>Dec  1 13:44:58 web1 sshd[42]: it#012works".to_owned()],
    );
    let recent = recent(&tap, &Filter::default(), 10);
    assert_eq!(
        recent.messages[0].entry(),
        Entry {
            received: "2026-12-01T13:45:00.000000+00:00".into(),
            reported: "2026-12-01T13:44:58+00:00".into(),
            host: "web1".into(),
            program: "sshd".into(),
            facility: "authpriv".into(),
            severity: "info".into(),
            procid: Some("42".into()),
            input: "net".into(),
            fromhost_ip: "192.0.2.7".into(),
            msg: "it#012works".into(),
            cut: false,
        }
    );
}

#[test]
fn a_message_without_a_host_is_its_senders() {
    let tap = Tap::new();
    batch(&tap, SECOND, &["<13>just text".to_owned()]);
    assert_eq!(recent(&tap, &of_host("192.0.2.7"), 10).messages.len(), 1);
}

#[test]
fn the_ring_keeps_so_many_a_second_and_counts_the_others() {
    let tap = Tap::new();
    let kept = KEPT_PER_SECOND as usize;
    batch(&tap, SECOND, &numbered("a", kept - 1));
    batch(&tap, SECOND, &numbered("b", 10));
    batch(&tap, SECOND + 1, &numbered("c", 1));
    let all = recent(&tap, &Filter::default(), usize::MAX);
    assert_eq!(all.messages.len(), kept + 1);
    assert_eq!(all.passed_over, 9);
    assert_eq!(recent(&tap, &of_host("b"), 10).messages.len(), 1);
    assert_eq!(recent(&tap, &of_text("n19[78]$"), 10).messages.len(), 2);
    let last = recent(&tap, &Filter::default(), 1);
    assert_eq!((last.messages[0].entry().host.as_str(), last.passed_over), ("c", 9));
    let mut looked_at = 0;
    let until_over = Recent::of(&tap.kept(), &of_text("n"), usize::MAX, || {
        looked_at += 1;
        looked_at > 3
    });
    assert_eq!(until_over.messages.len(), 3, "the newest first");
}

#[test]
fn a_listener_hears_what_its_filter_takes_and_nothing_when_it_is_gone() {
    let tap = Tap::new();
    batch(&tap, SECOND, &numbered("a", 1));
    let (kept, mut listening) = tap.listen(tap.place().unwrap(), of_host("a"));
    assert_eq!(kept.len(), 1);
    batch(&tap, SECOND, &numbered("b", 1));
    batch(&tap, SECOND, &numbered("a", 1));
    listen(async move {
        assert!(matches!(listening.next().await, Heard::Message(message) if message.entry().host == "a"));
    });
    assert!(tap.look(Timestamp::from_unix(SECOND, 0)).listeners.is_none());
}

#[test]
fn a_slow_listener_loses_messages_and_is_told_how_many() {
    let tap = Tap::new();
    let mut listening = listening(&tap, Filter::default());
    batch(&tap, SECOND, &numbered("a", QUEUE_MESSAGES_MAX + 3));
    listen(async move {
        assert!(matches!(listening.next().await, Heard::Lost(3)));
        assert!(matches!(listening.next().await, Heard::Message(message) if message.entry().msg == "n0"));
        batch(&tap, SECOND, &numbered("a", 1));
        for _ in 0..QUEUE_MESSAGES_MAX {
            assert!(matches!(listening.next().await, Heard::Message(_)));
        }
        assert_eq!(
            listening.listener.bytes.load(Ordering::Relaxed),
            0,
            "its queue is empty"
        );
    });
}

#[test]
fn a_queue_of_long_messages_has_fewer_of_them() {
    let tap = Tap::new();
    let mut listening = listening(&tap, Filter::default());
    let long = format!("<13>1 2026-12-01T13:45:00Z a app - - - {}", "x".repeat(64 << 10));
    batch(&tap, SECOND, &vec![long; 1000]);
    assert!(listening.listener.bytes.load(Ordering::Relaxed) < QUEUE_BYTES_MAX + (32 << 10));
    listen(async move {
        assert!(matches!(listening.next().await, Heard::Lost(700..1000)));
    });
}

#[test]
fn a_text_is_looked_for_by_the_listener() {
    let tap = Tap::new();
    let mut listening = listening(&tap, of_text("n[37]"));
    batch(&tap, SECOND, &numbered("a", 10));
    listen(async move {
        for expected in ["n3", "n7"] {
            assert!(matches!(listening.next().await, Heard::Message(message) if message.entry().msg == expected));
        }
        batch(&tap, SECOND, &numbered("a", 10));
        let soon = tokio::time::Instant::now() + Duration::from_secs(1);
        assert!(matches!(listening.ready(soon), Some(Heard::Message(message)) if message.entry().msg == "n3"));
    });
}

/// A pattern that takes long, and a text for it: after each letter another set of places in the pattern is reached, so that no
/// automaton can be kept and each letter is compared at a thousand places.
fn hostile() -> (Regex, String) {
    let letter = |n: u32| match n.wrapping_mul(2_654_435_761) >> 30 {
        0 | 3 => 'a',
        _ => 'b',
    };
    let text = (0..16_000).map(letter).collect();
    (Regex::new("a[ab]{2000}[^ab]").unwrap(), text)
}

#[test]
fn a_hostile_pattern_costs_the_log_path_nothing() {
    let (pattern, text) = hostile();
    let start = Instant::now();
    assert!(!pattern.is_match(text.as_bytes()));
    let one_look = start.elapsed();
    assert!(one_look > Duration::from_millis(5), "a hostile pattern: {one_look:?}");
    let tap = Tap::new();
    let hostile = |_| {
        let filter = Filter {
            fields: Fields::default(),
            text: Some(pattern.clone()),
        };
        listening(&tap, filter)
    };
    let _hostile: Vec<_> = (0..LISTENERS_MAX).map(hostile).collect();
    let message = format!("<13>1 2026-12-01T13:45:00Z a app - - - {text}");
    let start = Instant::now();
    batch(&tap, SECOND, &vec![message; 1000]);
    let taken = start.elapsed();
    assert!(taken < 200 * one_look, "{taken:?}, where one look takes {one_look:?}");
}

#[test]
fn listeners_are_so_many_at_most() {
    let tap = Tap::new();
    let mut some: Vec<_> = (0..LISTENERS_MAX).map(|_| listening(&tap, Filter::default())).collect();
    assert!(tap.place().is_err());
    some.pop();
    assert!(tap.place().is_ok());
}

#[test]
fn a_listener_is_woken_ten_times_a_second_at_most() {
    let tap = Tap::new();
    let mut listening = listening(&tap, of_text("never"));
    listen(async move {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut nothing = Box::pin(listening.next());
        let (mut polled_at, mut by_log_path) = (usize::MAX, 0);
        for _ in 0..1000 {
            while polled_at != wakes.count() {
                polled_at = wakes.count();
                assert!(
                    nothing
                        .as_mut()
                        .poll(&mut task::Context::from_waker(&waker))
                        .is_pending()
                );
                // What it yielded for comes now.
                yield_now().await;
            }
            let before = wakes.count();
            batch(&tap, SECOND, &numbered("a", 1));
            by_log_path += wakes.count() - before;
            sleep(Duration::from_millis(1)).await;
        }
        assert!((1..=11).contains(&by_log_path), "{by_log_path}");
    });
}

/// Counts how often a listener is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// `cargo test --release -p logd -- --ignored --nocapture what_listeners_cost`
#[test]
#[ignore = "a measurement, which says something on a quiet machine only"]
fn what_listeners_cost_the_log_path() {
    const MESSAGES: usize = 200_000;
    let (pattern, _) = hostile();
    let message = format!("<13>1 2026-12-01T13:45:00Z a app - - - {}", "ab".repeat(128));
    let messages = vec![message; MESSAGES];
    for count in [0, 1, LISTENERS_MAX] {
        let tap = Tap::new();
        for _ in 0..count {
            let place = tap.place().unwrap();
            let (tap, pattern) = (tap.clone(), pattern.clone());
            let hostile = move |place| async move {
                let filter = Filter {
                    fields: Fields::default(),
                    text: Some(pattern),
                };
                let (_, mut listening) = tap.listen(place, filter);
                tokio::select! {
                    _ = listening.next() => {}
                    () = sleep(Duration::from_secs(60)) => {}
                }
            };
            place.run(hostile).unwrap();
        }
        while tap.count.load(Ordering::Relaxed) < count {
            std::thread::yield_now();
        }
        let used = || nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        let start = used();
        batch(&tap, SECOND, &messages);
        let taken = Duration::from(used()) - Duration::from(start);
        let each = taken.as_nanos() / MESSAGES as u128;
        println!("{count} hostile listeners: {each} ns a message, parsing among them");
    }
}
