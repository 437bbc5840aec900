use logd_core::message::Origin;
use logd_core::parse::parse;
use logd_core::time::ZoneCache;
use tokio::runtime::Builder;

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

fn hear(listening: &mut Listening) -> Heard {
    Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(listening.next())
}

fn of_host(host: &str) -> Filter {
    Filter {
        host: Pattern::parse(host),
        ..Filter::default()
    }
}

#[test]
fn a_message_is_copied_with_all_that_is_known_of_it() {
    let tap = Tap::new();
    batch(
        &tap,
        SECOND,
        &["<86>Dec  1 13:44:58 web1 sshd[42]: it#012works".to_owned()],
    );
    let recent = tap.recent(&Filter::default(), 10);
    assert_eq!(
        *recent.entries[0],
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
    assert_eq!(tap.recent(&of_host("192.0.2.7"), 10).entries.len(), 1);
}

#[test]
fn the_ring_keeps_so_many_a_second_and_counts_the_others() {
    let tap = Tap::new();
    let kept = KEPT_PER_SECOND as usize;
    batch(&tap, SECOND, &numbered("a", kept - 1));
    batch(&tap, SECOND, &numbered("b", 10));
    batch(&tap, SECOND + 1, &numbered("c", 1));
    let recent = tap.recent(&Filter::default(), usize::MAX);
    assert_eq!(recent.entries.len(), kept + 1);
    assert_eq!(recent.passed_over, 9);
    assert_eq!(tap.recent(&of_host("b"), 10).entries.len(), 1);
    let last = tap.recent(&Filter::default(), 1);
    assert_eq!((last.entries[0].host.as_str(), last.passed_over), ("c", 9));
}

#[test]
fn a_listener_hears_what_its_filter_takes_and_nothing_when_it_is_gone() {
    let tap = Tap::new();
    batch(&tap, SECOND, &numbered("a", 1));
    let (recent, mut listening) = tap.listen(of_host("a"), 10).unwrap();
    assert_eq!(recent.entries.len(), 1);
    batch(&tap, SECOND, &numbered("b", 1));
    batch(&tap, SECOND, &numbered("a", 1));
    assert!(matches!(hear(&mut listening), Heard::Message(entry) if entry.host == "a"));
    drop(listening);
    assert!(tap.look(Timestamp::from_unix(SECOND, 0)).listeners.is_none());
}

#[test]
fn a_slow_listener_loses_messages_and_is_told_how_many() {
    let tap = Tap::new();
    let (_, mut listening) = tap.listen(Filter::default(), 0).unwrap();
    batch(&tap, SECOND, &numbered("a", QUEUE_MESSAGES_MAX + 3));
    assert!(matches!(hear(&mut listening), Heard::Lost(3)));
    assert!(matches!(hear(&mut listening), Heard::Message(entry) if entry.msg == "n0"));
    batch(&tap, SECOND, &numbered("a", 1));
    for _ in 0..QUEUE_MESSAGES_MAX {
        assert!(matches!(hear(&mut listening), Heard::Message(_)));
    }
}

#[test]
fn listeners_are_so_many_at_most() {
    let tap = Tap::new();
    let _some: Vec<_> = (0..LISTENERS_MAX)
        .map(|_| tap.listen(Filter::default(), 0).unwrap())
        .collect();
    assert!(tap.listen(Filter::default(), 0).is_err());
}
