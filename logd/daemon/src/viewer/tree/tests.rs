use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use logd_core::template::Template;

use super::*;

fn until() -> Until {
    Until {
        deadline: Instant::now() + Duration::from_secs(60),
        gone: CancellationToken::new(),
    }
}

fn tree(directory: &Path, below: &str) -> Tree {
    let template = Template::parse(&format!("{}/{below}", directory.display())).unwrap();
    Tree::new("hosts", &PathTemplate::new(&template).unwrap(), None)
}

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "line\n").unwrap();
}

fn found(tree: &Tree, wanted: &Wanted) -> Vec<String> {
    let mut files = Files::new(FILES_MAX);
    tree.files(wanted, &until(), &mut files);
    let mut shown: Vec<_> = files.found.iter().map(Tree::shown).collect();
    shown.sort();
    shown
}

#[test]
fn only_files_that_the_template_can_have_named_are_found() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "web1/sshd.log",
        "web1/sshd.log-20261201.zst",
        "db1/cron.log",
        "web1/notes.txt",
        "top.log",
    ] {
        write(&dir.path().join(name));
    }
    write(&dir.path().join("web1/deeper/sshd.log"));
    let tree = tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log");
    assert_eq!(
        found(&tree, &Wanted::default()),
        ["db1/cron.log", "web1/sshd.log", "web1/sshd.log-20261201.zst"]
    );
    let of_db1 = Wanted {
        host: Pattern::parse("db*"),
        program: None,
    };
    assert_eq!(found(&tree, &of_db1), ["db1/cron.log"]);
}

#[test]
fn links_below_the_root_are_neither_listed_nor_followed() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("secret.log"));
    write(&dir.path().join("web1/sshd.log"));
    symlink(outside.path(), dir.path().join("evil")).unwrap();
    symlink(outside.path().join("secret.log"), dir.path().join("web1/link.log")).unwrap();
    let tree = tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log");
    assert_eq!(found(&tree, &Wanted::default()), ["web1/sshd.log"]);

    // A directory or file that is exchanged for a link after it was listed.
    let mut files = Files::new(FILES_MAX);
    tree.files(&Wanted::default(), &until(), &mut files);
    fs::rename(dir.path().join("web1"), dir.path().join("aside")).unwrap();
    symlink(dir.path().join("aside"), dir.path().join("web1")).unwrap();
    assert!(matches!(tree.open(&files.found[0]), Err(Errno::ENOTDIR | Errno::ELOOP)));
    fs::remove_file(dir.path().join("web1")).unwrap();
    fs::create_dir(dir.path().join("web1")).unwrap();
    symlink(outside.path().join("secret.log"), dir.path().join("web1/sshd.log")).unwrap();
    assert_eq!(tree.open(&files.found[0]).unwrap_err(), Errno::ELOOP);
    fs::remove_file(dir.path().join("web1/sshd.log")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("web1/sshd.log"), Mode::from_bits_truncate(0o600)).unwrap();
    assert_eq!(tree.open(&files.found[0]).unwrap_err(), Errno::ENXIO);
}

#[test]
fn a_fixed_path_is_one_file_and_what_was_rotated_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    write(&real);
    symlink(&real, dir.path().join("auth.log")).unwrap();
    for name in ["auth.log.1.gz", "auth.log-20261201", "auth.logger", "other.log"] {
        write(&dir.path().join(name));
    }
    let tree = tree(dir.path(), "auth.log");
    assert_eq!(
        found(&tree, &Wanted::default()),
        ["auth.log", "auth.log-20261201", "auth.log.1.gz"]
    );
}

#[test]
fn a_search_that_is_over_finds_no_more_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("web1/sshd.log"));
    let over = until();
    over.gone.cancel();
    let mut files = Files::new(FILES_MAX);
    tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log").files(&Wanted::default(), &over, &mut files);
    assert!(files.found.is_empty() && files.cut);
}

#[test]
fn all_trees_together_are_listed_up_to_so_many_files() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a/1.log", "a/2.log", "b/3.log"] {
        write(&dir.path().join(name));
    }
    let tree = tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log");
    let mut left = 4;
    let listing = |left: &mut usize| serde_json::to_value(list(&tree, &until(), left)).unwrap();
    let whole = listing(&mut left);
    assert_eq!(
        (&whole["cut"], &whole["hosts"]["a"]["2"]["files"], left),
        (&false.into(), &1.into(), 1)
    );
    assert_eq!((&listing(&mut left)["cut"], left), (&true.into(), 0));
}
