//! Few files are open at a time, and none loses a line by being closed.

use super::super::schedule::Next;
use super::*;

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

#[test]
fn an_idle_file_is_closed_and_forgotten_and_comes_back() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    let before = tree.file("a.log");
    for _ in 0..10 {
        tree.sweep();
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
fn a_file_is_closed_by_the_sixth_sweep_that_finds_it_idle() {
    let tree = Tree::new(PLENTY, settings());
    tree.append("a.log", "one\n");
    tree.flush("a.log");
    let open = (0..6).map(|_| {
        tree.sweep();
        tree.store.open_files()
    });
    assert_eq!(open.collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_volume_that_needs_a_descriptor_asks_the_one_that_has_the_most_and_does_not_wait() {
    let limits = StoreLimits {
        open_files_max: 16,
        ..PLENTY
    };
    let tree = Tree::new(limits, settings());
    let write = |file: &Arc<LogFile>| {
        let render = |to: &mut Vec<u8>| to.extend_from_slice(b"x\n");
        file.append(&tree.store, &tree.owner, Patience::Waits, render);
        file.flush(&tree.store);
    };
    let large: Vec<_> = (0..16).map(|n| tree.below("large", &n.to_string())).collect();
    large.iter().for_each(write);
    // As if its thread hung in a write.
    let stuck = large.iter().map(|file| file.stuck()).collect::<Vec<_>>();
    let small: Vec<_> = (0..8).map(|n| tree.below("small", &n.to_string())).collect();
    small.iter().for_each(write);
    assert_eq!(tree.store.open_files(), 18, "an eighth more");
    drop(stuck);
    let next = large[0]
        .volume()
        .schedule
        .next(Instant::now() + Duration::from_secs(3600));
    let Next::Evict(count) = next else {
        panic!("it was asked")
    };
    tree.store.evict(large[0].volume(), count);
    assert_eq!(tree.store.open_files(), 15);
}
