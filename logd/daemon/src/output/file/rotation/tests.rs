//! Rotated files hold every line once and whole, and what is removed was ours and old.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use logd_core::path::PathTemplate;
use logd_core::template::Template;
use tempfile::TempDir;

use super::threads::unix_s;
use super::*;
use crate::output::Patience;
use crate::output::file::{Appended, FileOutput, FileSettings, Layout, Owner, Store, StoreLimits};

const DAY: Duration = Duration::from_secs(86_400);

/// A tree of one output, in which the test does what the threads do.
pub(super) struct Logs {
    directory: TempDir,
    store: Arc<Store>,
    owner: Owner,
    pub(super) tree: Arc<Tree>,
}

impl Logs {
    fn new(rotate: Option<Rotate>, keep: Keep) -> Self {
        Self::of(
            "hosts/%HOSTNAME%/%PROGRAMNAME%.log",
            FileSettings {
                rotate,
                keep,
                ..FileSettings::default()
            },
        )
    }

    pub(super) fn of(path: &str, settings: FileSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::new(StoreLimits {
            buffer_bytes_max: 64 << 20,
            open_files_max: 100,
        }));
        let owner = Owner {
            output: Arc::new(FileOutput::new("test", settings)),
            generation: 1,
        };
        let path = format!("{}/{path}", directory.path().display());
        let template = PathTemplate::new(&Template::parse(&path).unwrap()).unwrap();
        let tree = Arc::new(Tree::of(&owner, &template).unwrap());
        store.archive().set_trees(vec![tree.clone()]);
        Self {
            directory,
            store,
            owner,
            tree,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.path(name).into_os_string().into_encoded_bytes()
    }

    /// Writes lines to a file, as messages of a host and program would.
    pub(super) fn write(&self, name: &str, lines: &str) {
        let path = self.bytes(name);
        let (file, _) = self.store.file(&path, self.tree.trusted(), &self.owner);
        for line in lines.split_inclusive('\n') {
            let appended = file.append(&self.store, &self.owner, Patience::Waits, |to| {
                to.extend_from_slice(line.as_bytes());
            });
            assert_eq!(appended, Appended::Buffered);
        }
        file.flush(&self.store);
    }

    /// Closes all files and forgets them, as after a while without messages, or a restart.
    fn forget(&self) {
        self.store.reopen();
        for _ in 0..10 {
            let volumes = self.store.volumes().all();
            volumes.iter().for_each(|volume| self.store.sweep(volume));
        }
    }

    /// Says of a file that it has been written to since then.
    fn begun(&self, name: &str, since_s: i64) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        Mark::Live { since_s }.leave_on(&file).unwrap();
    }

    pub(super) fn aged(&self, name: &str, age: Duration) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    /// `logd rotate`
    pub(super) fn rotate_now(&self) {
        self.store.archive().rotate_now(&self.store, None);
    }

    /// What the thread that compresses and removes does.
    pub(super) fn round(&self) {
        self.store.archive().round(&self.store);
    }

    /// The names of the files below a directory, sorted.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(self.directory.path(), self.directory.path(), &mut names);
        names.sort();
        names
    }

    pub(super) fn rotated(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| !name.ends_with(".log"));
        names
    }

    fn content(&self, name: &str) -> String {
        let mut content = String::new();
        let file = File::open(self.path(name)).unwrap();
        let mut reader: Box<dyn Read> = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
            Some("zst") => Box::new(zstd::Decoder::new(file).unwrap()),
            Some("gz") => Box::new(flate2::read::GzDecoder::new(file)),
            _ => Box::new(file),
        };
        reader.read_to_string(&mut content).unwrap();
        content
    }
}

fn collect(root: &Path, directory: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, names);
        } else {
            names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn daily() -> Rotate {
    Rotate {
        every: Some(Every::new(DAY).unwrap()),
        ..Rotate::default()
    }
}

fn by(compression: Compression) -> Rotate {
    Rotate {
        compress: Some(compression),
        ..Rotate::default()
    }
}

fn for_age(age: Duration) -> Keep {
    Keep {
        age: Some(age),
        total_bytes: None,
    }
}

#[test]
fn a_file_is_rotated_before_it_becomes_too_long_and_all_lines_are_there_once() {
    let rotate = Rotate {
        size_bytes: Some(100),
        ..Rotate::default()
    };
    let logs = Logs::new(Some(rotate), Keep::default());
    let all: String = (0..50).map(|n| format!("message {n}\n")).collect();
    for line in all.split_inclusive('\n') {
        logs.write("hosts/web1/app.log", line);
    }
    let mut parts = logs.rotated();
    assert!(parts.len() >= 5, "{parts:?}");
    parts.sort_by_key(|name| fs::metadata(logs.path(name)).unwrap().modified().unwrap());
    parts.push("hosts/web1/app.log".to_owned());
    assert!(parts.iter().all(|name| logs.content(name).len() <= 100));
    let whole: String = parts.iter().map(|name| logs.content(name)).collect();
    assert_eq!(whole, all);
}

#[test]
fn a_file_of_yesterday_is_rotated_before_todays_first_line() {
    let logs = Logs::new(Some(daily()), Keep::default());
    logs.write("hosts/web1/app.log", "yesterday\n");
    logs.forget();
    logs.begun("hosts/web1/app.log", unix_s() - 86_400);
    logs.write("hosts/web1/app.log", "today\n");
    assert_eq!(logs.content("hosts/web1/app.log"), "today\n");
    let rotated = logs.rotated();
    assert_eq!(rotated.len(), 1, "{rotated:?}");
    assert_eq!(
        rotated[0].len(),
        "hosts/web1/app.log-20261201".len(),
        "a date is enough"
    );
    assert_eq!(logs.content(&rotated[0]), "yesterday\n");
}

#[test]
fn files_that_nobody_writes_to_are_rotated_too_and_those_of_others_are_not() {
    let logs = Logs::new(Some(daily()), Keep::default());
    for host in ["old1", "old2", "new"] {
        logs.write(&format!("hosts/{host}/app.log"), "line\n");
    }
    logs.forget();
    for host in ["old1", "old2"] {
        logs.begun(&format!("hosts/{host}/app.log"), unix_s() - 86_400);
    }
    fs::write(logs.path("hosts/old1/others.log"), "not logd's\n").unwrap();
    let start_s = daily().every.unwrap().start(unix_s(), logs.store.archive().zone());
    assert_eq!(threads::rotate_tree(&logs.store, &logs.tree, Why::Time, start_s), 2);
    assert!(logs.path("hosts/new/app.log").exists() && logs.path("hosts/old1/others.log").exists());
    assert!(!logs.path("hosts/old1/app.log").exists());
    assert!(
        !logs.store.knows(&logs.bytes("hosts/old1/app.log")),
        "it is forgotten again"
    );
}

#[test]
fn a_name_that_is_taken_is_not_overwritten() {
    let logs = Logs::new(Some(by(Compression::Zstd)), Keep::default());
    for n in 0..5 {
        logs.write("hosts/web1/app.log", &format!("{n}\n"));
        assert_eq!(logs.store.archive().rotate_now(&logs.store, Some("test")), Some(1));
        if n % 2 == 0 {
            logs.round();
        }
    }
    logs.round();
    let mut contents: Vec<_> = logs.rotated().iter().map(|name| logs.content(name)).collect();
    contents.sort();
    assert_eq!(contents, ["0\n", "1\n", "2\n", "3\n", "4\n"]);
}

#[test]
fn an_output_that_is_not_there_or_does_not_rotate_is_none() {
    let logs = Logs::new(None, for_age(DAY));
    logs.write("hosts/web1/app.log", "line\n");
    for name in ["test", "other"] {
        assert_eq!(logs.store.archive().rotate_now(&logs.store, Some(name)), None);
    }
    assert_eq!(logs.store.archive().rotate_now(&logs.store, None), Some(0));
}

#[test]
fn what_was_rotated_is_compressed_and_keeps_its_time_and_mode() {
    for (compression, suffix) in [(Compression::Zstd, ".zst"), (Compression::Gzip, ".gz")] {
        let logs = Logs::new(Some(by(compression)), Keep::default());
        let lines = "a line like many others\n".repeat(10_000);
        logs.write("hosts/web1/app.log", &lines);
        logs.store.archive().rotate_now(&logs.store, None);
        let [plain] = &*logs.rotated() else {
            panic!("one rotated file")
        };
        let before = fs::metadata(logs.path(plain)).unwrap();
        logs.round();
        assert_eq!(logs.names(), [format!("{plain}{suffix}")]);
        let compressed = format!("{plain}{suffix}");
        assert_eq!(logs.content(&compressed), lines);
        let after = fs::metadata(logs.path(&compressed)).unwrap();
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
        assert_eq!(after.permissions(), before.permissions());
        assert!(after.len() < before.len() / 10);
    }
}

#[test]
fn an_interrupted_compression_is_cleaned_up_and_done_again() {
    let logs = Logs::new(Some(by(Compression::Zstd)), Keep::default());
    logs.write("hosts/web1/app.log", "line\n");
    logs.store.archive().rotate_now(&logs.store, None);
    let [plain] = &*logs.rotated() else {
        panic!("one rotated file")
    };
    // Killed while it wrote, of this file and of others that are gone; and killed before it removed the original.
    for (name, mark) in [
        (format!("{plain}.zst.tmp"), None),
        ("hosts/web1/gone.log-20261201.gz.tmp".to_owned(), Some(Mark::Partial)),
        ("hosts/web1/gone.log-20261202.gz.tmp".to_owned(), Some(Mark::Rotated)),
    ] {
        let file = File::create(logs.path(&name)).unwrap();
        mark.into_iter().for_each(|mark| mark.leave_on(&file).unwrap());
    }
    let file = File::create(logs.path(&format!("{plain}.zst"))).unwrap();
    Mark::Rotated.leave_on(&file).unwrap();
    logs.round();
    assert_eq!(logs.names(), [format!("{plain}.zst")]);
    assert_eq!(logs.content(&format!("{plain}.zst")), "line\n");
}

#[test]
fn a_compressed_file_of_somebody_else_stays_and_so_does_the_original() {
    let logs = Logs::new(Some(by(Compression::Zstd)), Keep::default());
    logs.write("hosts/web1/app.log", "line\n");
    logs.store.archive().rotate_now(&logs.store, None);
    let [plain] = &*logs.rotated() else {
        panic!("one rotated file")
    };
    fs::write(logs.path(&format!("{plain}.zst")), "not logd's").unwrap();
    logs.round();
    assert_eq!(logs.names(), [plain.clone(), format!("{plain}.zst")]);
    assert_eq!(fs::read(logs.path(&format!("{plain}.zst"))).unwrap(), b"not logd's");
    assert_eq!(logs.content(plain), "line\n");
}

#[test]
fn what_is_older_than_age_is_removed_with_its_directory_and_nothing_of_others() {
    let logs = Logs::new(Some(Rotate::default()), for_age(30 * DAY));
    for host in ["dead", "alive", "shared"] {
        logs.write(&format!("hosts/{host}/app.log"), "line\n");
    }
    logs.store.archive().rotate_now(&logs.store, None);
    logs.forget();
    for name in logs.rotated() {
        logs.aged(&name, if name.contains("alive") { 29 * DAY } else { 31 * DAY });
    }
    // Of another program, however well its name fits.
    for name in [
        "hosts/shared/other.log-20200101",
        "hosts/shared/other.log",
        "hosts/top.log",
        "elsewhere",
    ] {
        fs::write(logs.path(name), "not logd's\n").unwrap();
        logs.aged(name, 1_000 * DAY);
    }
    logs.round();
    let names = logs.names();
    assert!(!logs.path("hosts/dead").exists(), "{names:?}");
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names[1].starts_with("hosts/alive/app.log-"), "{names:?}");
}

#[test]
fn a_file_that_is_written_to_is_not_removed_and_one_without_new_lines_is() {
    let logs = Logs::of(
        "%HOSTNAME%.log",
        FileSettings {
            keep: for_age(DAY),
            ..FileSettings::default()
        },
    );
    logs.write("web1.log", "line\n");
    logs.aged("web1.log", 2 * DAY);
    logs.round();
    assert_eq!(logs.names(), ["web1.log"]);
    logs.forget();
    logs.round();
    assert_eq!(logs.names(), Vec::<String>::new());
    assert!(logs.directory.path().exists(), "the root of the tree stays");
}

#[test]
fn beyond_total_the_oldest_go_first() {
    let keep = Keep {
        age: None,
        total_bytes: Some(30_000),
    };
    let logs = Logs::new(Some(Rotate::default()), keep);
    for host in 0..5 {
        logs.write(&format!("hosts/{host}/app.log"), &"0123456789\n".repeat(800));
    }
    logs.store.archive().rotate_now(&logs.store, None);
    for (n, name) in logs.rotated().iter().enumerate() {
        logs.aged(name, DAY * u32::try_from(10 - n).unwrap());
    }
    logs.round();
    let left: Vec<_> = logs.names();
    assert_eq!(left.len(), 2, "of 12 KiB each: {left:?}");
    assert!(
        left[0].starts_with("hosts/3/") && left[1].starts_with("hosts/4/"),
        "{left:?}"
    );
}

#[test]
fn links_are_neither_followed_nor_removed() {
    let logs = Logs::new(Some(daily()), for_age(DAY));
    let outside = Logs::new(Some(daily()), for_age(DAY));
    outside.write("hosts/web1/app.log", "line\n");
    outside.forget();
    outside.begun("hosts/web1/app.log", 0);
    outside.aged("hosts/web1/app.log", 10 * DAY);
    fs::create_dir_all(logs.path("hosts/web2")).unwrap();
    symlink(outside.path("hosts/web1"), logs.path("hosts/web1")).unwrap();
    symlink(outside.path("hosts/web1/app.log"), logs.path("hosts/web2/app.log")).unwrap();
    threads::rotate_tree(&logs.store, &logs.tree, Why::Time, i64::MAX);
    logs.round();
    assert_eq!(outside.names(), ["hosts/web1/app.log"]);
    assert_eq!(logs.names(), ["hosts/web1", "hosts/web2/app.log"]);
}

#[test]
fn a_fixed_path_that_is_a_link_is_written_to_and_not_rotated() {
    let logs = Logs::of(
        "messages.log",
        FileSettings {
            rotate: Some(daily()),
            ..FileSettings::default()
        },
    );
    let real = logs.path("real.log");
    fs::write(&real, "before\n").unwrap();
    symlink(&real, logs.path("messages.log")).unwrap();
    logs.write("messages.log", "one\n");
    logs.store.archive().rotate_now(&logs.store, None);
    logs.write("messages.log", "two\n");
    assert_eq!(logs.names(), ["messages.log", "real.log"]);
    assert_eq!(fs::read_to_string(real).unwrap(), "before\none\ntwo\n");
}

#[test]
fn a_sender_that_makes_too_many_files_makes_no_more_and_writes_to_those_that_are_there() {
    let logs = Logs::of(
        "hosts/%HOSTNAME%/%PROGRAMNAME%.log",
        FileSettings {
            new_files_max: 1,
            rotate: Some(Rotate::default()),
            ..FileSettings::default()
        },
    );
    let of_sender = |name: &str, sender: &str| {
        let found = logs.store.file_of_sender(
            &logs.bytes(name),
            logs.tree.trusted(),
            &logs.owner,
            sender.parse().ok(),
            Patience::Waits,
        );
        found.is_some()
    };
    let made = (0..100).filter(|n| of_sender(&format!("hosts/{n}/app.log"), "192.0.2.1"));
    assert_eq!(made.count(), 10);
    assert!(of_sender("hosts/3/app.log", "192.0.2.1"), "one that is known");
    assert!(of_sender("hosts/x/app.log", "192.0.2.2"), "another sender");
    fs::create_dir_all(logs.path("hosts/disk")).unwrap();
    fs::write(logs.path("hosts/disk/app.log"), "").unwrap();
    assert!(of_sender("hosts/disk/app.log", "192.0.2.1"), "one that is on the disk");

    // Where a file system that hangs would keep others, nobody who serves looks.
    logs.store.set_layout(Layout {
        directories: 2,
        queued_bytes_max: None,
    });
    fs::write(logs.path("hosts/disk/other.log"), "").unwrap();
    assert!(
        !of_sender("hosts/disk/other.log", "192.0.2.1"),
        "one that is not looked for"
    );
    let volume = logs.store.volumes().all()[0].clone();
    (0..7).for_each(|_| logs.store.sweep(&volume));
    assert!(!logs.store.knows(&logs.bytes("hosts/3/app.log")));
    assert!(of_sender("hosts/3/app.log", "192.0.2.1"), "one that was forgotten");
}

/// Copies a file with its attributes, as an administrator does who wants to keep it.
fn copy(logs: &Logs, from: &str, to: &str) {
    let copied = Command::new("cp")
        .arg("-a")
        .args([logs.path(from), logs.path(to)])
        .status();
    assert!(copied.unwrap().success());
    assert!(
        rustix::fs::getxattr(logs.path(to), "user.logd", &mut [0; 64]).is_ok(),
        "the mark came along"
    );
}

#[test]
fn a_copy_of_a_rotated_file_is_neither_removed_nor_counted_nor_compressed() {
    let keep = Keep {
        age: Some(30 * DAY),
        total_bytes: Some(1),
    };
    let logs = Logs::new(Some(by(Compression::Zstd)), keep);
    for line in ["one\n", "two\n"] {
        logs.write("hosts/web1/app.log", line);
        logs.store.archive().rotate_now(&logs.store, None);
    }
    let [first, second] = &*logs.rotated() else {
        panic!("two rotated files")
    };
    // One is kept beside the original by a name of its own; the other in the place of the original.
    copy(&logs, first, "hosts/web1/kept.log-20200101");
    copy(&logs, second, "hosts/web1/aside");
    fs::rename(logs.path("hosts/web1/aside"), logs.path(second)).unwrap();
    for name in [second.as_str(), "hosts/web1/kept.log-20200101"] {
        logs.aged(name, 1_000 * DAY);
    }
    // Compressed by the one, removed by the next.
    (0..3).for_each(|_| logs.round());
    assert_eq!(logs.names(), [second.as_str(), "hosts/web1/kept.log-20200101"]);
}

#[test]
fn a_link_in_the_place_of_what_a_compression_leaves_is_not_followed() {
    let logs = Logs::new(Some(by(Compression::Zstd)), Keep::default());
    logs.write("hosts/web1/app.log", "line\n");
    logs.store.archive().rotate_now(&logs.store, None);
    let [plain] = &*logs.rotated() else {
        panic!("one rotated file")
    };
    // It looks as if a compression had left it, and is in another tree.
    let outside = tempfile::NamedTempFile::new().unwrap();
    Mark::Partial.leave_on(outside.as_file()).unwrap();
    fs::write(outside.path(), "not logd's\n").unwrap();
    let temporary = format!("{plain}.zst.tmp");
    symlink(outside.path(), logs.path(&temporary)).unwrap();
    logs.round();
    assert_eq!(fs::read(outside.path()).unwrap(), b"not logd's\n");
    assert_eq!(logs.names(), [plain.clone(), temporary]);
    assert_eq!(logs.content(plain), "line\n");
}

#[test]
fn what_an_interrupted_compression_left_goes_with_the_first_round_and_counts_for_nothing() {
    let keep = Keep {
        age: None,
        total_bytes: Some(30_000),
    };
    let logs = Logs::new(Some(Rotate::default()), keep);
    logs.write("hosts/web1/app.log", &"0123456789\n".repeat(800));
    logs.store.archive().rotate_now(&logs.store, None);
    let [plain] = &*logs.rotated() else {
        panic!("one rotated file")
    };
    logs.aged(plain, DAY);
    // Nothing is compressed any more: it is no copy of anything that would be made again.
    let left = format!("{plain}.zst.tmp");
    fs::write(logs.path(&left), [0; 60_000]).unwrap();
    Mark::Partial.leave_on(File::open(logs.path(&left)).unwrap()).unwrap();
    logs.round();
    assert_eq!(logs.names(), std::slice::from_ref(plain));
}

#[test]
fn a_tree_that_hangs_is_passed_over_until_it_answers() {
    let rotate = Rotate {
        compress: Some(Compression::Zstd),
        ..daily()
    };
    let logs = Logs::new(Some(rotate), Keep::default());
    logs.write("hosts/web1/app.log", "one\n");
    logs.store.archive().rotate_now(&logs.store, None);
    logs.write("hosts/web1/app.log", "two\n");
    logs.forget();
    logs.begun("hosts/web1/app.log", unix_s() - 86_400);
    let before = logs.names();
    let volumes = logs.store.volumes().all().clone();
    {
        let _in_a_write = volumes[0].at_work();
        while !volumes[0].is_stuck() {
            std::thread::yield_now();
        }
        logs.round();
        logs.store.archive().rotate_due(&logs.store, unix_s());
        assert_eq!(logs.names(), before);
    }
    logs.store.archive().rotate_due(&logs.store, unix_s());
    logs.round();
    let names = logs.names();
    assert!(
        names.len() == 2 && names.iter().all(|name| name.ends_with(".zst")),
        "{names:?}"
    );
}
