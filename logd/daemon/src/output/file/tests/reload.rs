//! Files go over to the outputs of a new configuration.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::full::full;
use super::*;
use crate::output::{HeldBack, WhenFull};

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
