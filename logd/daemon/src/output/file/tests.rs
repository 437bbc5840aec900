//! The promises of the output `file`: whole lines only, in order, in the file that the path leads to, and none lost.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::log_file::LogFile;
use super::*;
use crate::output::settlement::Standing;
use crate::output::{HeldBack, Patience, WhenFull};

/// A tree of log files, written to by the test's own hand: no flusher runs unless a test starts one.
struct Tree {
    directory: TempDir,
    store: Arc<Store>,
    owner: Owner,
}

const PLENTY: StoreLimits = StoreLimits {
    buffer_bytes_max: 64 << 20,
    open_files_max: 100,
};

impl Tree {
    fn new(limits: StoreLimits, settings: FileSettings) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            store: Arc::new(Store::new(limits)),
            owner: owner(1, "test", settings),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> Arc<LogFile> {
        let root = self.directory.path().as_os_str().len() + 1;
        self.store
            .file(self.path(name).as_os_str().as_encoded_bytes(), root, &self.owner)
            .0
    }

    fn append(&self, name: &str, line: &str) {
        let appended = self.file(name).append(&self.store, &self.owner, Patience::Waits, |to| {
            to.extend_from_slice(line.as_bytes());
        });
        assert_eq!(appended, Appended::Buffered);
    }

    fn flush(&self, name: &str) {
        self.file(name).flush(&self.store);
    }

    fn content(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

/// An output of this name in the configuration of this generation.
fn owner(generation: u64, name: &str, settings: FileSettings) -> Owner {
    Owner {
        output: Arc::new(FileOutput::new(name, settings)),
        generation,
    }
}

fn settings() -> FileSettings {
    FileSettings::default()
}

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
fn a_line_that_somebody_cut_off_is_not_continued() {
    let tree = Tree::new(PLENTY, settings());
    fs::write(tree.path("a.log"), "whole\ncut o").unwrap();
    tree.append("a.log", "next\n");
    tree.flush("a.log");
    assert_eq!(tree.content("a.log"), "whole\ncut o\nnext\n");
}

#[test]
fn lines_that_are_flushed_into_a_deleted_file_go_to_the_new_one() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("web1/a.log", "one\n");
    tree.flush("web1/a.log");
    fs::remove_dir_all(tree.path("web1")).unwrap();
    tree.append("web1/a.log", "two\n");
    tree.flush("web1/a.log");
    assert_eq!(tree.content("web1/a.log"), "two\n");
}

#[test]
fn a_file_that_another_was_renamed_over_is_opened_anew() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    fs::write(tree.path("new"), "fresh\n").unwrap();
    fs::rename(tree.path("new"), tree.path("a.log")).unwrap();
    tree.append("a.log", "two\n");
    tree.flush("a.log");
    assert_eq!(tree.content("a.log"), "fresh\ntwo\n");
}

#[test]
fn a_renamed_file_is_left_alone_from_the_next_look_on() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    fs::rename(tree.path("a.log"), tree.path("a.log.1")).unwrap();
    tree.file("a.log").make_path_check_due();
    tree.append("a.log", "two\n");
    tree.flush("a.log");
    assert_eq!(
        (tree.content("a.log.1").as_str(), tree.content("a.log").as_str()),
        ("one\n", "two\n")
    );
}

#[test]
fn reopening_flushes_to_the_old_file_and_goes_on_in_the_new_one() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    tree.append("a.log", "two\n");
    fs::rename(tree.path("a.log"), tree.path("a.log.1")).unwrap();
    tree.store.reopen();
    tree.append("a.log", "three\n");
    tree.flush("a.log");
    assert_eq!(
        (tree.content("a.log.1").as_str(), tree.content("a.log").as_str()),
        ("one\ntwo\n", "three\n")
    );
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

#[test]
fn no_more_files_are_open_than_may_be_and_none_loses_a_line() {
    let tree = Tree::new(
        StoreLimits {
            open_files_max: 3,
            ..PLENTY
        },
        settings(),
    );
    for round in 0..4 {
        for host in 0..10 {
            let name = format!("host{host}.log");
            tree.append(&name, &format!("{round}\n"));
            tree.flush(&name);
            assert!(tree.store.open_files() <= 3);
        }
    }
    for host in 0..10 {
        assert_eq!(tree.content(&format!("host{host}.log")), "0\n1\n2\n3\n");
    }
}

#[test]
fn the_file_that_was_not_used_is_evicted() {
    let tree = Tree::new(
        StoreLimits {
            open_files_max: 3,
            ..PLENTY
        },
        settings(),
    );
    let write = |name: &str| {
        tree.append(name, "x\n");
        tree.flush(name);
    };
    for name in [
        "first.log",
        "idle.log",
        "busy.log",
        "other.log",
        "busy.log",
        "another.log",
    ] {
        write(name);
    }
    let open = ["first.log", "idle.log", "busy.log", "other.log", "another.log"].map(|name| tree.file(name).is_open());
    assert_eq!(open, [false, false, true, true, true]);
}

#[test]
fn a_file_that_is_refused_drops_its_lines_and_not_those_of_others() {
    let tree = Tree::new(PLENTY, settings());
    std::os::unix::fs::symlink("/tmp", tree.path("evil")).unwrap();
    tree.append("evil/a.log", "lost\n");
    tree.append("good/a.log", "kept\n");
    tree.flush("evil/a.log");
    tree.flush("good/a.log");
    assert_eq!(tree.content("good/a.log"), "kept\n");
    assert_eq!(
        tree.store.buffered_bytes(),
        0,
        "lines that nobody can write are not kept"
    );
    assert!(!tree.file("evil/a.log").holds_back());
    assert!(!Path::new("/tmp/a.log").exists());
}

/// A file system that is full: less than `min_free_bytes` is what this asks for.
fn full(when_full: WhenFull) -> FileSettings {
    FileSettings {
        min_free_bytes: u64::MAX,
        when_full,
        ..settings()
    }
}

#[test]
fn a_full_output_that_blocks_keeps_its_lines_and_holds_its_senders_back() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "kept\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    assert!(file.holds_back());
    assert_eq!(
        (tree.owner.output.held_up_files(), tree.content("a.log").as_str()),
        (1, "")
    );

    let room_again = Arc::new(FileOutput::new("test", settings()));
    tree.store.hand_over(|_| Some(room_again.clone()));
    assert!(!file.holds_back());
    assert_eq!((tree.owner.output.held_up_files(), room_again.held_up_files()), (0, 0));
    assert_eq!(tree.content("a.log"), "kept\n");
}

#[test]
fn a_full_output_that_drops_keeps_one_buffer_and_drops_the_newest_lines() {
    let tree = Tree::new(PLENTY, full(WhenFull::Drop));
    tree.append("a.log", "first\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    assert!(!file.holds_back());
    let line = format!("{}\n", "x".repeat(1023));
    let dropped = (0..1000)
        .filter(|_| {
            file.append(&tree.store, &tree.owner, Patience::Waits, |to| {
                to.extend_from_slice(line.as_bytes());
            }) == Appended::Dropped
        })
        .count();
    assert_eq!(dropped, 1000 - 64);
    assert!(tree.store.buffered_bytes() < 2 * WRITE_BYTES);
}

/// Appends lines of 1 KiB of who never waits; how many were taken.
fn append_local(tree: &Tree, file: &Arc<LogFile>, lines: usize) -> usize {
    let line = format!("{}\n", "x".repeat(1023));
    let taken = |_: &usize| {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(line.as_bytes());
        file.append(&tree.store, &tree.owner, Patience::NeverWaits, render) == Appended::Buffered
    };
    (0..lines).filter(taken).count()
}

#[test]
fn a_full_output_that_blocks_keeps_a_mebibyte_of_who_never_waits_and_drops_the_rest() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "first\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    assert!(file.holds_back());
    assert_eq!(append_local(&tree, &file, 5000), 1024);
}

#[test]
fn who_never_waits_never_writes_and_a_file_system_that_hangs_is_no_matter() {
    let tree = Tree::new(PLENTY, settings());
    let file = tree.file("a.log");
    let stuck = file.stuck();
    assert_eq!(
        append_local(&tree, &file, 10_000),
        8 << 10,
        "no call has waited for the write"
    );
    drop(stuck);
    tree.flush("a.log");
    assert_eq!(tree.content("a.log").lines().count(), 8 << 10);
}

#[test]
fn a_spent_budget_leaves_who_never_waits_a_reserve_for_files_that_are_written_to() {
    let limits = StoreLimits {
        buffer_bytes_max: 1 << 20,
        ..PLENTY
    };
    let tree = Tree::new(limits, settings());
    let (spender, file) = (tree.file("spender.log"), tree.file("a.log"));
    let stuck = spender.stuck();
    while !tree.store.budget().is_spent() {
        tree.append("spender.log", &format!("{}\n", "x".repeat(1023)));
    }
    let taken = append_local(&tree, &file, 1000);
    assert!((64..=192).contains(&taken), "an eighth of the budget: {taken}");
    drop(stuck);
}

#[test]
fn full_files_of_an_output_that_drops_do_not_keep_the_budget_from_the_others() {
    let limits = StoreLimits {
        buffer_bytes_max: 256 << 10,
        ..PLENTY
    };
    let tree = Tree::new(limits, full(WhenFull::Drop));
    let line = format!("{}\n", "x".repeat(1023));
    for name in ["a", "b", "c", "d", "e"] {
        for _ in 0..64 {
            tree.append(name, &line);
        }
    }
    // Of each file one batch is being written and stays; then the buffers fill again.
    for name in ["a", "b", "c", "d", "e"] {
        tree.append(name, &line);
    }
    let before = tree.store.buffered_bytes();
    tree.store.relieve();
    assert!(tree.store.buffered_bytes() < before);
    assert_eq!(tree.file("a").buffered(), 0);
}

#[test]
fn what_is_full_to_the_end_is_counted() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "one\n");
    tree.append("a.log", "two\n");
    assert_eq!(tree.store.drain(Instant::now()), 2);
}

#[tokio::test]
async fn senders_wait_for_the_file_that_holds_them_back_and_no_other() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "kept\n");
    tree.flush("a.log");
    let mut others = HeldBack::default();
    tree.store.room(&mut others).await;

    let mut held_back = HeldBack::default();
    held_back.note_file(&tree.file("a.log"));
    let store = tree.store.clone();
    let waiting = tokio::spawn(async move { store.room(&mut held_back).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let room_again = Arc::new(FileOutput::new("test", settings()));
    tree.store.hand_over(|_| Some(room_again.clone()));
    waiting.await.unwrap();
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

#[test]
fn an_idle_file_is_closed_and_forgotten_and_comes_back() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    let before = tree.file("a.log");
    for _ in 0..10 {
        tree.store.sweep();
    }
    assert_eq!((tree.store.open_files(), tree.content("a.log").as_str()), (0, "one\n"));
    assert_eq!(
        before.append(&tree.store, &tree.owner, Patience::Waits, |to| to
            .extend_from_slice(b"two\n")),
        Appended::Gone
    );
    tree.append("a.log", "two\n");
    tree.flush("a.log");
    assert_eq!(tree.content("a.log"), "one\ntwo\n");
}

#[test]
fn a_change_of_settings_opens_files_anew_and_the_same_settings_keep_them() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    let same = Arc::new(FileOutput::new("test", settings()));
    tree.store.hand_over(|_| Some(same.clone()));
    assert!(tree.file("a.log").is_open());
    let other = Arc::new(FileOutput::new(
        "test",
        FileSettings {
            file_mode: 0o600,
            ..settings()
        },
    ));
    tree.store.hand_over(|_| Some(other.clone()));
    assert!(!tree.file("a.log").is_open());
    fs::remove_file(tree.path("a.log")).unwrap();
    tree.append("a.log", "two\n");
    tree.flush("a.log");
    assert_eq!(fs::metadata(tree.path("a.log")).unwrap().mode() & 0o777, 0o600);
}

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
        tree.store.sweep();
        file.sync(&tree.store);
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

#[tokio::test]
async fn a_reload_that_makes_a_full_output_drop_lets_its_senders_go_on() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "kept\n");
    tree.flush("a.log");
    let mut held_back = HeldBack::default();
    held_back.note_file(&tree.file("a.log"));
    let store = tree.store.clone();
    let waiting = tokio::spawn(async move { store.room(&mut held_back).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let dropping = Arc::new(FileOutput::new("test", full(WhenFull::Drop)));
    tree.store.hand_over(|_| Some(dropping.clone()));
    waiting.await.unwrap();
}

#[test]
fn a_file_that_is_held_up_is_counted_by_the_output_that_has_it() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a.log", "kept\n");
    tree.flush("a.log");
    let holding = || tree.store.holding_back().map(|output| output.name().to_owned());
    assert_eq!(holding().as_deref(), Some("test"));

    let patient = FileSettings {
        flush_interval: Duration::from_secs(1),
        ..full(WhenFull::Block)
    };
    let next = owner(2, "test", patient.clone());
    tree.store.hand_over(|_| Some(next.output.clone()));
    assert_eq!((tree.owner.output.held_up_files(), next.output.held_up_files()), (0, 1));
    assert_eq!(holding().as_deref(), Some("test"));

    // The output is named anew: nobody waits for a name that is no more, until a message shows whose the file is now.
    let renamed = owner(3, "renamed", patient);
    tree.store
        .hand_over(|name| (name == "renamed").then(|| renamed.output.clone()));
    assert_eq!(holding(), None);
    tree.file("a.log").append(&tree.store, &renamed, Patience::Waits, |to| {
        to.extend_from_slice(b"more\n");
    });
    assert_eq!((next.output.held_up_files(), renamed.output.held_up_files()), (0, 1));
    assert_eq!(holding().as_deref(), Some("renamed"));
}

#[test]
fn a_file_goes_to_the_output_that_the_newest_configuration_has_write_to_it() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    let file = tree.file("a.log");
    let private = FileSettings {
        file_mode: 0o600,
        ..settings()
    };
    // The configuration keeps the output, and has another write here.
    let other = owner(2, "other", private);
    let append = |by: &Owner, line: &str| {
        let appended = file.append(&tree.store, by, Patience::Waits, |to| {
            to.extend_from_slice(line.as_bytes());
        });
        assert_eq!(appended, Appended::Buffered);
    };
    append(&other, "two\n");
    assert_eq!(file.output().name(), "other");
    // A batch that began before the reload.
    append(&tree.owner, "three\n");
    // A second output of this path.
    append(&owner(2, "second", settings()), "four\n");
    assert_eq!(file.output().name(), "other");

    let (flusher, _ended) = Flusher::start(tree.store.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.is_open() {
        assert!(Instant::now() < deadline, "it is opened anew");
        std::thread::yield_now();
    }
    flusher.stop();
    assert_eq!(tree.content("a.log"), "one\ntwo\nthree\nfour\n");
    fs::remove_file(tree.path("a.log")).unwrap();
    append(&other, "five\n");
    tree.flush("a.log");
    assert_eq!(fs::metadata(tree.path("a.log")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_file_is_closed_by_the_sixth_sweep_that_finds_it_idle() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    let open = (0..6).map(|_| {
        tree.store.sweep();
        tree.store.open_files()
    });
    assert_eq!(open.collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn lines_that_a_deleted_file_took_with_it_are_not_called_written() {
    let tree = Tree::new(PLENTY, settings());
    let deleted = tempfile::tempfile().unwrap();
    // A path at which there is always a file without a name, as if somebody deleted it each time.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&deleted));
    let (file, _) = tree.store.file(path.as_bytes(), usize::MAX, &tree.owner);
    file.append(&tree.store, &tree.owner, Patience::Waits, |to| {
        to.extend_from_slice(b"lost\n");
    });
    file.flush(&tree.store);
    assert!(file.is_refused());
}

#[test]
fn an_output_that_may_have_few_files_open_closes_its_own_and_leaves_those_of_others() {
    let few = FileSettings {
        open_files_max: Some(3),
        ..settings()
    };
    let mut tree = Tree::new(PLENTY, settings());
    let write = |tree: &Tree, name: &str| {
        tree.append(name, "x\n");
        tree.flush(name);
    };
    let others = ["a.log", "b.log", "c.log"];
    others.iter().for_each(|name| write(&tree, name));
    tree.owner = owner(1, "few", few);
    for name in ["first", "idle", "busy", "other", "busy", "another"] {
        write(&tree, name);
    }
    let open = ["first", "idle", "busy", "other", "another"].map(|name| tree.file(name).is_open());
    assert_eq!(
        open,
        [false, false, true, true, true],
        "the least recently used gives way"
    );
    assert!(others.iter().all(|name| tree.file(name).is_open()));
    assert_eq!(tree.content("busy"), "x\nx\n");
}

/// How it stands with the last line of a file.
fn standing(file: &LogFile) -> Standing {
    file.settlement().standing(file.settlement().appended())
}

#[test]
fn a_line_is_settled_when_it_is_written_and_hastened_it_is_at_once() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a", "one\n");
    let file = tree.file("a");
    assert_eq!(standing(&file), Standing::Pending);
    file.hasten(&tree.store);
    assert_eq!(standing(&file), Standing::Settled);
    assert_eq!(tree.content("a"), "one\n");
}

#[test]
fn a_line_of_an_output_that_always_syncs_is_settled_when_it_is_synced() {
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            sync: Sync::Always,
            ..settings()
        },
    );
    tree.append("a", "one\n");
    let file = tree.file("a");
    file.hasten(&tree.store);
    assert_eq!(tree.content("a"), "one\n");
    assert_eq!(standing(&file), Standing::Pending);
    // What comes meanwhile is not settled with it.
    tree.append("a", "two\n");
    file.sync(&tree.store);
    assert_eq!(file.settlement().standing(1), Standing::Settled);
    assert_eq!(standing(&file), Standing::Pending);
    file.close(&tree.store);
    assert_eq!(standing(&file), Standing::Settled);
}

#[test]
fn a_full_disk_leaves_lines_unsettled_until_there_is_room_or_nobody_waits() {
    let full = |when_full| FileSettings {
        min_free_bytes: u64::MAX,
        when_full,
        ..settings()
    };
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    tree.append("a", "one\n");
    let file = tree.file("a");
    file.hasten(&tree.store);
    assert_eq!(standing(&file), Standing::Pending);
    assert!(file.is_waited_for());
    let dropping = owner(2, "test", full(WhenFull::Drop));
    file.hand_over(&tree.owner.output, &dropping.output);
    assert!(!file.is_waited_for());
    let roomy = owner(3, "test", settings());
    file.hand_over(&dropping.output, &roomy.output);
    file.close(&tree.store);
    assert_eq!(standing(&file), Standing::Settled);
    assert_eq!(tree.content("a"), "one\n");
}

#[test]
fn lines_for_what_can_be_no_file_are_dropped_and_nobody_waits_for_them() {
    let tree = Tree::new(PLENTY, settings());
    fs::create_dir(tree.path("a")).unwrap();
    tree.append("a", "one\n");
    let file = tree.file("a");
    file.hasten(&tree.store);
    assert_eq!(standing(&file), Standing::Settled);
}
