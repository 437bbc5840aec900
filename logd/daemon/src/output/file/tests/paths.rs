//! A file is what its path leads to: cut off, renamed, deleted, replaced or refused.

use std::fs;
use std::path::Path;

use super::*;

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
