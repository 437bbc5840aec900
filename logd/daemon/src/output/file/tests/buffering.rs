//! Lines wait in their buffers, within the budget, and are written whole, in order, when they are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::output::HeldBack;

#[test]
fn a_line_waits_in_its_buffer_until_it_is_flushed() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("web1/sshd.log", "one\n");
    assert!(
        !tree.path("web1").exists(),
        "nothing is opened before there is something to write"
    );
    assert!(tree.store.buffered_bytes() > 0);
    tree.flush("web1/sshd.log");
    assert_eq!(tree.content("web1/sshd.log"), "one\n");
    assert_eq!(tree.store.buffered_bytes(), 0);
}

#[test]
fn the_budget_is_charged_for_memory_and_a_file_without_lines_has_none() {
    let tree = Tree::new(PLENTY, settings());
    let long = format!("{}\n", "x".repeat(7000));
    for line in ["short\n", &long, "short\n"] {
        for host in 0..50 {
            tree.append(&format!("host{host}/a.log"), line);
        }
        let files: Vec<_> = (0..50).map(|host| tree.file(&format!("host{host}/a.log"))).collect();
        let room = |files: &[Arc<LogFile>]| files.iter().map(|file| file.room()).sum::<usize>();
        assert!(0 < room(&files) && room(&files) <= tree.store.buffered_bytes());
        for file in &files {
            file.flush(&tree.store);
        }
        assert_eq!((room(&files), tree.store.buffered_bytes()), (0, 0));
    }
    // A template can render to nothing.
    let (file, nothing) = (tree.file("host0/a.log"), |_: &mut Vec<u8>| {});
    assert_eq!(
        file.append(&tree.store, &tree.owner, Patience::Waits, nothing),
        Appended::Buffered
    );
    assert_eq!((file.room(), tree.store.buffered_bytes()), (0, 0));
}

#[test]
fn a_full_buffer_is_written_at_once() {
    let tree = Tree::new(PLENTY, settings());
    let line = format!("{}\n", "x".repeat(1023));
    for _ in 0..64 {
        tree.append("a.log", &line);
    }
    assert_eq!(tree.content("a.log"), line.repeat(64));
}

#[test]
fn with_a_flush_interval_of_zero_every_line_is_written_at_once() {
    let flush_interval = Duration::ZERO;
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            flush_interval,
            ..settings()
        },
    );
    tree.append("a.log", "one\n");
    assert_eq!(tree.content("a.log"), "one\n");
}

#[test]
fn threads_that_write_to_one_file_never_cut_each_others_lines() {
    const LINES: usize = 20_000;
    let tree = Tree::new(PLENTY, settings());
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in ["a", "b", "c", "d"] {
            let tree = &tree;
            scope.spawn(move || {
                for number in 0..LINES {
                    tree.append(
                        "a.log",
                        &format!("{thread} {number:05} {}\n", thread.repeat(number % 50)),
                    );
                }
            });
        }
    });
    flusher.stop();
    assert_eq!(tree.store.drain(Instant::now() + Duration::from_secs(60)), 0);
    let content = tree.content("a.log");
    for thread in ["a", "b", "c", "d"] {
        let lines: Vec<&str> = content.lines().filter(|line| line.starts_with(thread)).collect();
        let expected = (0..LINES).map(|number| format!("{thread} {number:05} {}", thread.repeat(number % 50)));
        assert!(
            expected.eq(lines.iter().copied()),
            "all lines of {thread}, whole and in order"
        );
    }
    assert_eq!(content.lines().count(), 4 * LINES);
}

#[test]
fn lines_behind_others_that_were_written_early_wait_for_their_own_time() {
    let with = |flush_interval| FileSettings {
        flush_interval,
        ..settings()
    };
    let tree = Tree::new(PLENTY, with(Duration::from_secs(3600)));
    let file = tree.file("a.log");
    tree.append("a.log", "one\n");
    // As when others had filled the buffer behind it.
    file.flush(&tree.store);
    tree.append("a.log", "two\n");
    file.flush_if_due(&tree.store);
    assert_eq!(tree.content("a.log"), "one\n", "an hour is not over");
    // With settings that let no line wait.
    let hasty = owner(2, "test", with(Duration::ZERO));
    file.hand_over(&tree.owner.output, &hasty.output);
    file.flush_if_due(&tree.store);
    assert_eq!(tree.content("a.log"), "one\ntwo\n");
}

#[test]
fn a_visit_of_the_flusher_that_comes_too_early_is_made_again() {
    let flush_interval = Duration::from_millis(50);
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            flush_interval,
            ..settings()
        },
    );
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    let file = tree.file("a.log");
    // The schedule has a visit for the first line, and only for that one.
    for line in ["one\n", "two\n", "three\n"] {
        tree.append("a.log", line);
        file.hasten(&tree.store);
    }
    tree.append("a.log", "four\n");
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.buffered() > 0 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    file.close(&tree.store);
    assert_eq!(tree.content("a.log"), "one\ntwo\nthree\nfour\n");
    assert!(Instant::now() < deadline);
    flusher.stop();
}

#[test]
fn the_flusher_writes_what_is_due() {
    let flush_interval = Duration::from_millis(1);
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            flush_interval,
            ..settings()
        },
    );
    let (flusher, ended) = Flusher::start(tree.store.clone()).unwrap();
    tree.append("a.log", "one\n");
    let deadline = Instant::now() + Duration::from_secs(60);
    while tree.content("a.log").is_empty() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(tree.content("a.log"), "one\n");
    flusher.stop();
    assert!(ended.blocking_recv().is_err(), "the end of the thread is told");
}

#[tokio::test]
async fn senders_wait_while_the_budget_is_spent_and_the_flusher_makes_room() {
    let limits = StoreLimits {
        buffer_bytes_max: 256 << 10,
        ..PLENTY
    };
    let flush_interval = Duration::from_secs(3600);
    let tree = Tree::new(
        limits,
        FileSettings {
            flush_interval,
            ..settings()
        },
    );
    let line = format!("{}\n", "x".repeat(1023));
    for number in 0..256 {
        tree.append(&format!("{}.log", number % 8), &line);
    }
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    tree.store.room(&mut HeldBack::default()).await;
    assert!(tree.store.buffered_bytes() < limits.buffer_bytes_max);
    flusher.stop();
}
