//! What logd forwards through a spool: killed in the middle of it, full, on a full disk, and over reloads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use ballast_tests::daemon::{Setup, Stopped};
use ballast_tests::syslog::forwarding::{
    LOGD, RELP_PORT, RelpClient, SECOND, TARGET, WINDOW, arrived, forwarding, in_order, logd_target, metric, numbered,
    numbers, refused, rsyslogd, send, start, status,
};
use ballast_tests::syslog::{self, Framing, PORT, small_disk};
use ballast_tests::{address, wait};

#[test]
fn killed_at_any_moment_what_was_acknowledged_is_in_the_spool_and_arrives_whole_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let keys = format!(
        "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}\nresume-interval = \"200ms\"",
        address(TARGET)
    );
    let mut setup = Setup::new("logd").file("logd.toml", forwarding(&keys));
    let mut wanted = BTreeSet::new();
    const PER_ROUND: usize = 3000;
    let mut target = None;
    for round in 0..6 {
        let logd = setup.start();
        // In every other round there is nobody to take them.
        if round % 2 == 1 {
            target = Some(rsyslogd(directory.path(), TARGET));
        }
        let begin = round * PER_ROUND;
        let sender = thread::spawn(move || RelpClient::connect(address(LOGD)).send(begin..begin + PER_ROUND));
        // At another place of its work each time.
        let moment = (300 + round * 400) as f64;
        wait::until("some to have come", || {
            let received = syslog::metric(address(LOGD), "logd_input_messages_total", &["input=\"net-relp\""]);
            (received >= moment || sender.is_finished()).then_some(())
        });
        let left: Stopped = logd.kill();
        let acknowledged = sender.join().unwrap();
        wanted.extend(begin..begin + acknowledged);
        if let Some(target) = target.take() {
            target.stop();
        }
        setup = left.again();
    }
    let target = rsyslogd(directory.path(), TARGET);
    let logd = setup.start();
    assert!(wanted.len() > 1000, "{} were acknowledged", wanted.len());
    let found = wait::until("all that was acknowledged", || {
        let found = numbers(&target.all())?;
        wanted.is_subset(&found.iter().copied().collect()).then_some(found)
    });
    let mut first_time = BTreeSet::new();
    let firsts: Vec<usize> = found.iter().copied().filter(|n| first_time.insert(*n)).collect();
    assert!(firsts.is_sorted(), "in order");
    let doubled = found.len() - firsts.len();
    assert!(doubled <= 7 * WINDOW, "{doubled} came twice");
    assert!(logd.stop().0.success());
    target.stop();
}

/// A configuration with a target that hangs, and a spool that is full of what was sent: its limit is the least that there is, and
/// messages are long, so that it is soon reached.
fn to_a_full_spool(n: u8, queue: &str) -> String {
    format!(
        "target = \"relp://{}:{RELP_PORT}\"\nqueue = {{ max = \"{queue}\" }}\n\
         spool = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(n)
    )
}

/// Sends so many long messages, in a thread: who sends may be held back.
fn send_long(count: usize) -> thread::JoinHandle<()> {
    let filler = "x".repeat(60_000);
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    thread::spawn(move || {
        for n in 0..count {
            writeln!(stream, "{} {filler}", numbered(n)).unwrap();
        }
        syslog::close(&mut stream);
    })
}

fn wait_for_a_full_spool() {
    wait::until("the spool to be full, and more to be queued", || {
        let is_full = metric("logd_output_spool_bytes") > 63.0 * 1024.0 * 1024.0;
        (is_full && metric("logd_output_oldest_unwritten_seconds") > 0.0).then_some(())
    });
}

#[test]
fn a_reload_to_another_target_helps_when_a_spool_that_blocks_is_full() {
    const MESSAGES: usize = 1300;
    // Its kernel takes connections, and that is all.
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let mut logd = start(&to_a_full_spool(TARGET, "2MiB"));
    let sender = send_long(MESSAGES);
    wait_for_a_full_spool();
    assert!(!sender.is_finished(), "it is held back");
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&to_a_full_spool(SECOND, "2MiB")));
    logd.reload();
    let found = arrived(&second.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES), "in order, and each once");
    sender.join().unwrap();
    assert_eq!(metric("logd_output_dropped_total"), 0.0);
    assert!(logd.stop().0.success());
}

#[test]
fn at_the_end_a_full_spool_takes_what_is_queued_and_the_next_run_sends_it() {
    // More than the spool may hold, and not more than it and the queue.
    const MESSAGES: usize = 1200;
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let logd = start(&to_a_full_spool(TARGET, "16MiB"));
    send_long(MESSAGES).join().unwrap();
    wait_for_a_full_spool();
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: {}", left.log);
    let second = logd_target(SECOND, "").start();
    let setup = left.again();
    let logd = setup
        .file("logd.toml", forwarding(&to_a_full_spool(SECOND, "16MiB")))
        .start();
    let found = arrived(&second.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES), "in order, and each once");
    assert!(logd.stop().0.success());
}

#[test]
fn at_the_end_a_full_spool_takes_a_full_queue_too() {
    let config = |n| "drain-timeout = \"4s\"\n".to_owned() + &forwarding(&to_a_full_spool(n, "2MiB"));
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let logd = Setup::new("logd").file("logd.toml", config(TARGET)).start();
    let filler = " ".to_owned() + &"x".repeat(60_000);
    let sender = thread::spawn(move || RelpClient::connect(address(LOGD)).send_at_once(500, 0..2000, &filler));
    wait_for_a_full_spool();
    wait::until("the queue to be full", || {
        (metric("logd_output_queued_bytes") >= 2.0 * 1024.0 * 1024.0).then_some(())
    });
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: {}", left.log);
    let acknowledged = sender.join().unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = left.again().file("logd.toml", config(SECOND)).start();
    let found = arrived(&second.path().join("all"), 0..acknowledged + 1);
    wait::until("the spool to be empty", || {
        (metric("logd_output_spool_records") == 0.0).then_some(())
    });
    let found = numbers(&second.path().join("all")).unwrap_or(found);
    assert_eq!(found, in_order(0..found.len()), "in order, and each once");
    let queued = (found.len() - acknowledged) * 60_000;
    assert!(queued > 2 << 20, "{queued} octets were in the queue");
    assert!(logd.stop().0.success());
}

#[test]
fn what_an_output_that_a_reload_took_away_can_not_send_in_time_is_counted() {
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let to = |n: u8, drain_timeout: &str| {
        let keys = format!("target = \"relp://{}:{RELP_PORT}\"", address(n));
        format!("drain-timeout = \"{drain_timeout}\"\n") + &forwarding(&keys)
    };
    let mut logd = Setup::new("logd").file("logd.toml", to(TARGET, "30s")).start();
    send(0..100);
    logd.replace("logd.toml", to(SECOND, "30s"));
    logd.reload();
    let shown = status(&logd);
    assert!(
        shown.contains("draining siem") && shown.contains("100 records"),
        "{shown}"
    );
    send(100..200);
    arrived(&second.path().join("all"), 100..200);
    // Another target away, with less time.
    logd.replace("logd.toml", to(TARGET, "1s"));
    logd.reload();
    send(200..300);
    logd.replace("logd.toml", to(SECOND, "1s"));
    logd.reload();
    let labels = ["output=\"siem\"", "reason=\"abandoned\""];
    wait::until("the second hundred to be given up", || {
        (syslog::metric(address(LOGD), "logd_output_dropped_total", &labels) == 100.0).then_some(())
    });
    logd.wait_for_log("an output has ended with records, which are lost");
    let shown = status(&logd);
    assert_eq!(shown.matches("draining siem").count(), 1, "{shown}");
    assert!(shown.contains("abandoned 100"), "{shown}");
    drop(logd);
    assert_eq!(numbers(&second.path().join("all")).unwrap(), in_order(100..200));
}

#[test]
fn what_an_output_that_a_reload_took_away_had_in_its_spool_is_for_the_next_one_of_its_name() {
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let keys = |n| {
        format!(
            "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}",
            address(n)
        )
    };
    let mut logd = start(&keys(TARGET));
    send(0..100);
    logd.replace("logd.toml", forwarding(&keys(TARGET)).replace("siem", "other"));
    logd.reload();
    send(100..200);
    logd.wait_for_log("spool/siem has ");
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&keys(SECOND)));
    logd.reload();
    assert_eq!(arrived(&second.path().join("all"), 0..100), in_order(0..100));
    assert!(logd.stop().0.success());
}

#[test]
fn what_could_not_be_stored_when_a_reload_came_is_not_acknowledged() {
    let spooled = format!(
        "target = \"tcp://{}:{PORT}\"\nspool = {{ max = \"64MiB\" }}",
        address(TARGET)
    );
    // No folder can be made there.
    let setup = Setup::new("logd").file("work/spool", "");
    let mut logd = setup.file("logd.toml", forwarding(&spooled)).start();
    logd.wait_for_log("cannot open the spool");
    let sender = thread::spawn(|| RelpClient::connect(address(LOGD)).send(0..50));
    wait::until("all to have come", || {
        let received = syslog::metric(address(LOGD), "logd_input_messages_total", &["input=\"net-relp\""]);
        (received == 50.0).then_some(())
    });
    assert!(!sender.is_finished(), "they are not answered");
    logd.replace(
        "logd.toml",
        forwarding(&format!("target = \"tcp://{}:{PORT}\"", address(TARGET))),
    );
    logd.reload();
    assert_eq!(sender.join().unwrap(), 0, "it has them still, and sends them again");
    assert_eq!(refused(), 50.0);
}

/// More than the smallest spool holds, sent while there is no target; the numbers that arrive when there is one, and how many
/// the metrics say were dropped.
fn overfull(when_full: &str) -> (Vec<usize>, usize) {
    const MESSAGES: usize = 1300;
    let filler = "x".repeat(60_000);
    let logd = start(&format!(
        "target = \"tcp://{}:{PORT}\"\nresume-interval = \"200ms\"\n\
         spool = {{ max = \"64MiB\", when-full = \"{when_full}\" }}",
        address(TARGET)
    ));
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    let sender = thread::spawn(move || {
        for n in 0..MESSAGES {
            // A blocked one waits for the target.
            writeln!(stream, "{} {filler}", numbered(n)).unwrap();
        }
        syslog::close(&mut stream);
    });
    let is_full = || match when_full {
        // The last record that would go over the limit waits.
        "block" => metric("logd_output_spool_bytes") > 63.0 * 1024.0 * 1024.0,
        _ => metric("logd_output_dropped_total") > 0.0 && sender.is_finished(),
    };
    wait::until("the spool to be full", || is_full().then_some(()));
    assert!(metric("logd_output_spool_bytes") <= 64.0 * 1024.0 * 1024.0);
    let target = logd_target(TARGET, "").start();
    let all = target.path().join("all");
    let (found, dropped) = wait::until("all that is in the spool", || {
        let is_empty = metric("logd_output_spool_records") == 0.0 && metric("logd_output_queued_bytes") == 0.0;
        let found = numbers(&all)?;
        let dropped = metric("logd_output_dropped_total") as usize;
        (sender.is_finished() && is_empty && found.len() + dropped >= MESSAGES).then_some((found, dropped))
    });
    sender.join().unwrap();
    assert_eq!(found.len() + dropped, MESSAGES, "every one is counted");
    assert!(logd.stop().0.success());
    (found, dropped)
}

#[test]
fn a_full_spool_that_blocks_holds_its_senders_back_and_loses_nothing() {
    let (found, dropped) = overfull("block");
    assert_eq!((found, dropped), (in_order(0..1300), 0));
}

#[test]
fn a_full_spool_that_drops_the_newest_keeps_the_oldest() {
    let (found, dropped) = overfull("drop-newest");
    assert!(dropped > 0);
    assert_eq!(found[0], 0);
    assert!(found.is_sorted());
}

#[test]
fn a_full_spool_that_drops_the_oldest_keeps_the_newest() {
    let (found, dropped) = overfull("drop-oldest");
    assert!(dropped > 0);
    assert_eq!(found, in_order(dropped..1300));
}

#[test]
fn a_full_disk_below_a_spool_that_blocks_loses_nothing() {
    let keys = format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"\n\
         spool = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(TARGET)
    );
    let setup = Setup::new("logd").file("logd.toml", forwarding(&keys));
    let Some(logd) = small_disk::start(setup, "work/spool", 2 << 20) else {
        return;
    };
    const MESSAGES: usize = 5000;
    let filler = "x".repeat(1000);
    let sender = thread::spawn(move || {
        let messages = (0..MESSAGES).map(|n| format!("{} {filler}", numbered(n)));
        syslog::send(syslog::collector(address(LOGD)), &Framing::Newline.frame(messages));
    });
    logd.wait_for_log("cannot write to the spool");
    let target = logd_target(TARGET, "").start();
    let found = arrived(&target.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES));
    sender.join().unwrap();
    logd.wait_for_log("the spool is written to again");
    assert!(logd.stop().0.success());
}

#[test]
fn a_reload_with_another_target_sends_it_what_is_in_the_spool() {
    let keys = |n| {
        format!(
            "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}",
            address(n)
        )
    };
    let mut logd = start(&keys(TARGET));
    send(0..1000);
    wait::until("the records to be in the spool", || {
        (metric("logd_output_spool_records") == 1000.0).then_some(())
    });
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&keys(SECOND)));
    logd.reload();
    send(1000..2000);
    assert_eq!(arrived(&second.path().join("all"), 0..2000), in_order(0..2000));
    let status = status(&logd);
    assert!(
        status.contains(&format!(" to relp://{}:{RELP_PORT}", address(SECOND))),
        "{status}"
    );
    assert!(logd.stop().0.success());
}

#[test]
fn a_spool_that_no_output_has_any_more_is_told_of() {
    let keys = format!(
        "target = \"tcp://{}:{PORT}\"\nspool = {{ max = \"64MiB\" }}",
        address(TARGET)
    );
    let logd = start(&keys);
    send(0..10);
    wait::until("the records to be in the spool", || {
        (metric("logd_output_spool_records") == 10.0).then_some(())
    });
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: they are in the spool");
    let setup = left
        .again()
        .file("logd.toml", forwarding(&keys).replace("siem", "other"));
    let checked = setup.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    assert!(
        said.contains("spool/siem has ") && said.contains(" bytes that no output sends"),
        "{said}"
    );
}
