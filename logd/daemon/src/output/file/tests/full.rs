//! A file system without room: who waits, what is dropped, and what the machine's own programs may leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::output::{HeldBack, WhenFull};

/// A file system that is full: less than `min_free_bytes` is what this asks for.
pub(super) fn full(when_full: WhenFull) -> FileSettings {
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
    tree.store.relieve(tree.file("a").volume());
    assert!(tree.store.buffered_bytes() < before);
    assert_eq!(tree.file("a").buffered(), 0);
}

#[test]
fn a_file_that_is_full_again_and_again_has_one_attempt_on_the_schedule() {
    let tree = Tree::new(PLENTY, full(WhenFull::Block));
    let file = tree.file("a.log");
    let outputs = [full(WhenFull::Block), settings()].map(|settings| owner(1, "test", settings));
    let hand_over = |to: &Owner| tree.store.hand_over(|_| Some(to.output.clone()));
    for _ in 0..3 {
        hand_over(&outputs[0]);
        tree.append("a.log", "line\n");
        tree.flush("a.log");
        assert!(file.is_held_up());
        hand_over(&outputs[1]);
        assert!(!file.is_held_up());
    }
    hand_over(&outputs[0]);
    tree.append("a.log", "line\n");
    tree.flush("a.log");
    let scheduled = || file.volume().schedule.len();
    let before = scheduled();
    // As the flusher does, whose schedule has all of them.
    (1..=4).for_each(|times| file.retry(&tree.store, Duration::ZERO, times));
    assert_eq!(scheduled() - before, 1, "the last one is tried again");
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
