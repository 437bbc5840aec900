//! When a line is where it was to go, for who acknowledges it.

use std::fs;

use super::*;
use crate::output::WhenFull;
use crate::output::settlement::Standing;

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
    tree.sync("a");
    assert_eq!(file.settlement().standing(1), Standing::Settled);
    assert_eq!(standing(&file), Standing::Pending);
    file.close(&tree.store);
    assert_eq!(standing(&file), Standing::Pending);
    tree.sync("a");
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

fn always_synced() -> Tree {
    Tree::new(
        PLENTY,
        FileSettings {
            sync: Sync::Always,
            ..settings()
        },
    )
}

#[test]
fn lines_of_a_file_that_was_closed_are_synced_before_later_ones_are_called_safe() {
    let tree = always_synced();
    let file = tree.file("a");
    tree.append("a", "one\n");
    file.close(&tree.store);
    fs::rename(tree.path("a"), tree.path("a.1")).unwrap();
    tree.append("a", "two\n");
    file.hasten(&tree.store);
    assert_eq!(
        (tree.content("a.1"), tree.content("a")),
        ("one\n".into(), "two\n".into())
    );
    assert_eq!(file.settlement().standing(1), Standing::Pending);
    let unsynced = file.take_unsynced();
    assert_eq!(unsynced.len(), 2);
    for (number, one) in (1..).zip(&unsynced) {
        assert_eq!(file.settlement().standing(number), Standing::Pending);
        file.note_synced(one, one.sync());
        assert_eq!(file.settlement().standing(number), Standing::Settled);
    }
}

#[test]
fn lines_that_are_dropped_do_not_make_those_before_them_safe() {
    let tree = always_synced();
    let file = tree.file("a");
    tree.append("a", "one\n");
    file.hasten(&tree.store);
    fs::remove_file(tree.path("a")).unwrap();
    fs::create_dir(tree.path("a")).unwrap();
    file.make_path_check_due();
    for line in ["two\n", "three\n"] {
        tree.append("a", line);
        file.hasten(&tree.store);
    }
    assert!(file.is_refused());
    assert_eq!(file.settlement().standing(1), Standing::Pending);
    tree.sync("a");
    assert_eq!(standing(&file), Standing::Settled);
}

#[test]
fn many_files_are_synced_together_whenever_they_are_due() {
    let tree = Tree::new(
        PLENTY,
        FileSettings {
            sync: Sync::Every(Duration::from_secs(3600)),
            ..settings()
        },
    );
    let names: Vec<String> = (0..20).map(|n| format!("{n}.log")).collect();
    for name in &names {
        tree.append(name, "line\n");
        tree.flush(name);
    }
    tree.sync("0.log");
    assert!(names.iter().all(|name| tree.file(name).take_unsynced().is_empty()));
    // Few are synced when their time has come.
    for name in &names[..3] {
        tree.append(name, "line\n");
        tree.flush(name);
    }
    tree.sync("0.log");
    let left = names[..3]
        .iter()
        .filter(|name| !tree.file(name).take_unsynced().is_empty());
    assert_eq!(left.count(), 2);
}
