//! A write or a sync that does not return keeps its own file, and nobody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::full::full;
use super::*;
use crate::output::settlement::Standing;
use crate::output::{HeldBack, WhenFull};

#[test]
fn a_write_that_hangs_keeps_nobody_waiting_and_its_file_is_opened_anew_when_it_returns() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    let sparing = Arc::new(FileOutput::new("test", full(WhenFull::Drop)));
    {
        let _in_a_write = file.stuck();
        tree.store.hand_over(|_| Some(sparing.clone()));
        tree.store.reopen();
        tree.sweep();
        tree.sync("a.log");
        assert!(
            Arc::ptr_eq(&file.output(), &sparing),
            "it has its new output all the same"
        );
    }
    assert!(file.is_open());
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.is_open() {
        assert!(Instant::now() < deadline, "it is closed");
        std::thread::yield_now();
    }
    flusher.stop();
}

#[test]
fn a_write_that_hangs_keeps_no_other_file_from_being_written_at_the_end() {
    let tree = Tree::new(PLENTY, settings());
    let names = ["a.log", "stuck.log", "z.log"];
    for name in names {
        tree.append(name, "one\n");
    }
    let stuck = tree.file("stuck.log");
    let in_a_write = stuck.stuck();
    std::thread::scope(|scope| {
        let draining = scope.spawn(|| tree.store.drain(Instant::now() + Duration::from_secs(60)));
        let deadline = Instant::now() + Duration::from_secs(60);
        while ["a.log", "z.log"].iter().any(|name| tree.content(name) != "one\n") {
            assert!(Instant::now() < deadline, "the others are written");
            std::thread::yield_now();
        }
        assert_eq!(tree.store.unwritten_lines(), 1);
        drop(in_a_write);
        assert_eq!(draining.join().unwrap(), 0);
    });
    assert_eq!(names.map(|name| tree.content(name)), ["one\n"; 3]);
}

#[test]
fn lines_in_a_write_that_hangs_count_as_not_written() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "one\ntwo\n");
    tree.append("a.log", "three\n");
    tree.flush("a.log");
    tree.append("a.log", "four\n");
    let file = tree.file("a.log");
    let _in_a_write = file.stuck();
    assert_eq!(tree.store.drain(Instant::now()), 3);
}

#[test]
fn a_file_system_that_hangs_keeps_no_line_of_another_from_its_flush() {
    let flush_interval = Duration::from_millis(1);
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            flush_interval,
            ..settings()
        },
    );
    let (hanging, healthy) = (tree.below("hangs", "a.log"), tree.below("answers", "a.log"));
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    let append = |file: &Arc<LogFile>, line: &[u8]| {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(line);
        assert_eq!(
            file.append(&tree.store, &tree.owner, Patience::Waits, render),
            Appended::Buffered
        );
    };
    {
        // Whoever opens a file there waits, as long as this is held.
        let _clock = hanging.volume().clock();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        (0..256).for_each(|_| append(&hanging, &line));
        for n in 1..=3 {
            append(&healthy, b"line\n");
            until("its flush", || tree.content("answers/a.log").lines().count() == n);
        }
        until("it to be noticed", || hanging.volume().is_stuck());
    }
    until("all to be written", || {
        tree.content("hangs/a.log").lines().count() == 256
    });
    flusher.stop();
}

#[test]
fn a_sync_that_hangs_keeps_no_line_from_its_flush() {
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            flush_interval: Duration::from_millis(1),
            sync: Sync::Always,
            ..settings()
        },
    );
    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    let file = tree.file("a.log");
    {
        let _syncing = file.volume().syncing();
        for n in 1..=3 {
            tree.append("a.log", "line\n");
            until("its flush", || tree.content("a.log").lines().count() == n);
        }
        assert_eq!(file.settlement().standing(1), Standing::Pending);
    }
    until("the sync", || file.settlement().standing(3) == Standing::Settled);
    flusher.stop();
}

#[test]
fn lines_beyond_a_volumes_share_hold_its_own_senders_only() {
    let limits = StoreLimits {
        buffer_bytes_max: 1 << 20,
        ..PLENTY
    };
    let tree = Tree::new(limits, settings());
    let (hanging, healthy) = (tree.below("hangs", "a.log"), tree.below("answers", "a.log"));
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let mut lines = 0;
    while !hanging.holds_back() {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(&line);
        hanging.append(&tree.store, &tree.owner, Patience::Waits, render);
        lines += 1;
    }
    assert!(lines <= 512, "half of the budget: {lines} KiB");
    assert!(!healthy.holds_back() && !tree.store.budget().is_spent());
    hanging.close(&tree.store);
    assert!(!hanging.holds_back());
}

#[test]
fn a_file_that_is_far_behind_holds_its_senders_back_until_it_is_written() {
    let tree = Tree::new(PLENTY, settings());
    let file = tree.file("a.log");
    let line = format!("{}\n", "x".repeat(1023));
    {
        let _in_a_write = file.stuck();
        (0..1023).for_each(|_| tree.append("a.log", &line));
        assert!(!file.holds_back());
        tree.append("a.log", &line);
        assert!(file.holds_back());
    }
    tree.flush("a.log");
    assert!(!file.holds_back());
}

#[tokio::test]
async fn who_waits_for_a_file_that_is_behind_goes_on_when_its_lines_are_dropped() {
    let tree = Tree::new(PLENTY, settings());
    fs::create_dir(tree.path("a.log")).unwrap();
    tree.append("a.log", "refused\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    assert!(file.is_refused());
    {
        let _in_a_write = file.stuck();
        let line = format!("{}\n", "x".repeat(1023));
        (0..1024).for_each(|_| tree.append("a.log", &line));
    }
    let mut held_back = HeldBack::default();
    held_back.note_file(&file);
    let store = tree.store.clone();
    let waiting = tokio::spawn(async move { store.room(&mut held_back).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    tree.flush("a.log");
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("it is woken")
        .unwrap();
}

#[test]
fn senders_of_one_socket_do_not_wait_for_one_file_and_what_is_too_much_for_it_is_dropped() {
    let tree = Tree::new(PLENTY, settings());
    let file = tree.file("a.log");
    let in_a_write = file.stuck();
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let append = |_: &usize| {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(&line);
        file.append(&tree.store, &tree.owner, Patience::WaitsWithOthers, render) == Appended::Buffered
    };
    let taken = (0..10_000).filter(append).count();
    assert_eq!(taken, 8 << 10);
    let mut socket = HeldBack::of_many();
    socket.note_file(&file);
    assert!(!socket.look());
    let mut connection = HeldBack::default();
    connection.note_file(&file);
    assert!(connection.look());
    drop(in_a_write);
    tree.flush("a.log");
    assert_eq!(tree.content("a.log").lines().count(), taken);

    let full = Tree::new(PLENTY, full(WhenFull::Block));
    full.append("a.log", "kept\n");
    full.flush("a.log");
    socket.note_file(&full.file("a.log"));
    assert!(socket.look(), "a file system that is full is waited for");
}

#[test]
fn an_output_that_drops_drops_what_a_file_system_that_hangs_would_take_the_budget_for() {
    let drops = FileSettings {
        when_full: WhenFull::Drop,
        ..settings()
    };
    let tree = Tree::new(PLENTY, drops);
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let append = |file: &Arc<LogFile>| {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(&line);
        file.append(&tree.store, &tree.owner, Patience::Waits, render) == Appended::Buffered
    };
    let file = tree.below("hangs", "0");
    let in_a_write = file.stuck();
    let taken = (0..20_000).filter(|_| append(&file)).count();
    assert_eq!(taken, 8 << 10, "of one file");
    drop(in_a_write);
    tree.below("answers", "0");
    for n in 1..10 {
        let file = tree.below("hangs", &n.to_string());
        (0..8 << 10).for_each(|_| {
            append(&file);
        });
    }
    assert!(!tree.store.budget().is_spent(), "of all files: their share");
}
