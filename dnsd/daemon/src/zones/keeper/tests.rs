//! The promises about edits, errors and losses, on real files. Events are waited for; time is told to the keeper, not spent.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;

use ballast_shared::config::Diagnostics;
use dnsd_core::zones::ZoneState;

use super::super::board::{ServedFrom, ZoneStatus};
use super::super::last_good;
use super::super::test_zone::zone;
use super::*;
use crate::config;

mod catalogs;
mod folders;
mod past;
mod peers;
mod secondaries;
mod serials;
mod updates;
mod views;

/// Enough for any machine: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
    keeper: Keeper,
    shared: Shared,
    board: Arc<Board>,
}

/// The text of a zone of so many hosts.
fn text(serial: u32, hosts: usize) -> String {
    let hosts: String = (0..hosts).map(|n| format!("h{n} A 192.0.2.1\n")).collect();
    format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\n{hosts}")
}

impl Bench {
    /// A keeper whose folder has these files below `zones/`; the zones are still to be applied.
    fn new(files: &[(&str, &str)]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), files)
    }

    fn within(dir: tempfile::TempDir, files: &[(&str, &str)]) -> Self {
        fs::create_dir_all(dir.path().join("zones")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join("zones").join(name), text).unwrap();
        }
        fs::write(dir.path().join("dnsd.toml"), "").unwrap();
        let config = config::load(&dir.path().join("dnsd.toml"), &Diagnostics::new()).unwrap();
        let (events, inbox) = mpsc::channel();
        let (shared, board) = (Shared::new(&config).unwrap(), Arc::new(Board::default()));
        let last_good = LastGood::start(dir.path()).unwrap();
        let keeper = Keeper::new(inbox, events, shared.clone(), board.clone(), last_good);
        Self {
            dir,
            keeper,
            shared,
            board,
        }
    }

    /// The first zone of a configuration, still to be loaded.
    fn entry(&self, config: &str) -> Entry {
        let file = self.dir.path().join("dnsd.toml");
        fs::write(&file, config).unwrap();
        let config = config::load(&file, &Diagnostics::new()).unwrap();
        Entry::single(Plan::new(&config, false).zones.remove(0))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("zones").join(name)
    }

    /// Takes over a configuration and watches what it names.
    fn apply(&mut self, config: &str, accept: bool) -> Report {
        let file = self.dir.path().join("dnsd.toml");
        fs::write(&file, config).unwrap();
        let config = config::load(&file, &Diagnostics::new()).unwrap();
        let report = self.keeper.apply(Plan {
            threads: 2,
            ..Plan::new(&config, accept)
        });
        self.keeper.watch_loaded(Instant::now());
        report
    }

    /// Waits until a change of this zone was noticed, and until its files are quiet, as far as the keeper can tell.
    fn after_edit(&mut self, zone: &str) {
        self.notice(zone);
        self.quiet();
    }

    /// Waits until a change of this zone was noticed.
    fn notice(&mut self, zone: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.keeper.debounce.is_waiting(&name(zone)) {
            self.handle_next(deadline);
        }
    }

    /// Waits until so many records of this zone are served; its files are quiet after each event.
    fn wait_for_records(&mut self, zone: &str, records: usize) {
        self.wait_for_records_of(&name(zone), records);
    }

    fn wait_for_records_of(&mut self, zone: &ZoneKey, records: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.board.zone(zone).is_none_or(|status| status.records != records) {
            match self.keeper.debounce.next_due_at() {
                Some(_) => self.quiet(),
                None => self.handle_next(deadline),
            }
        }
    }

    fn handle_next(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let input = self.keeper.inbox.recv_timeout(left).expect("no event came");
        assert!(self.keeper.handle(input).is_continue());
    }

    fn quiet(&mut self) {
        let due = self.keeper.debounce.next_due_at().unwrap();
        self.keeper.next_sweep_at = due + PATIENCE;
        self.keeper.load_due(due);
        self.keeper.watch_loaded(due);
    }

    fn status(&self, zone: &str) -> ZoneStatus {
        self.board.zone(&name(zone)).unwrap()
    }

    /// The serial that queries are answered from; `None` for SERVFAIL. Panics for a zone that isn't there.
    fn served(&self, zone: &str) -> Option<u32> {
        let serving = self.shared.serving.load();
        let zones = serving.views.outside().zones();
        let number = zones
            .number(name(zone).name.as_name_ref())
            .expect("there is no such zone");
        match zones.state(number).unwrap() {
            ZoneState::Loaded(zone) => Some(zone.serial().0),
            ZoneState::Failed | ZoneState::Forward => None,
        }
    }
}

fn name(text: &str) -> ZoneKey {
    ZoneKey::outside(text.parse().unwrap())
}

/// `file` moved over `to`, as careful editors save.
fn replace(to: &Path, text: &str) {
    let beside = to.with_extension("tmp");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, to).unwrap();
}

const NET: &str = "[zone.\"net\".primary]\nfile = \"zones/net\"\n";
const GROUP: &str = "[zones.g.primary]\nfiles = \"zones/*.zone\"\n";

#[test]
fn an_edit_in_place_is_served() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    assert_eq!(bench.apply(NET, false).loaded, 1);
    assert_eq!(bench.served("net"), Some(1));
    fs::write(bench.file("net"), text(2, 1)).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(2));
    assert_eq!(bench.status("net").served_from, ServedFrom::File);
}

#[test]
fn an_edit_by_rename_is_served_each_time() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    bench.apply(NET, false);
    for serial in 2..5 {
        replace(&bench.file("net"), &text(serial, 1));
        bench.after_edit("net");
        assert_eq!(bench.served("net"), Some(serial));
    }
}

#[test]
fn an_edit_of_an_included_file_is_served() {
    let mut bench = Bench::new(&[("net", "$INCLUDE head\nx A 192.0.2.1\n"), ("head", &text(1, 1))]);
    bench.apply(NET, false);
    replace(&bench.file("head"), &text(2, 1));
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(2));
}

#[test]
fn an_edit_behind_a_switched_link_is_served() {
    let mut bench = Bench::new(&[]);
    for version in [1, 2] {
        let folder = bench.dir.path().join(format!("v{version}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("net"), text(version, 1)).unwrap();
    }
    let link = bench.dir.path().join("current");
    std::os::unix::fs::symlink("v1", &link).unwrap();
    bench.apply("[zone.\"net\".primary]\nfile = \"current/net\"\n", false);
    assert_eq!(bench.served("net"), Some(1));
    let next = bench.dir.path().join("next");
    std::os::unix::fs::symlink("v2", &next).unwrap();
    fs::rename(next, link).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(2));
}

#[test]
fn an_edit_without_an_event_is_found_by_looking() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    bench.apply(NET, false);
    bench.keeper.watcher.forget(&Key::Zone(name("net")));
    fs::write(bench.file("net"), text(2, 1)).unwrap();
    bench.keeper.sweep(Instant::now());
    bench.quiet();
    assert_eq!(bench.served("net"), Some(2));
}

#[test]
fn a_zone_that_is_not_watched_waits_for_a_reload() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    let config = format!("{NET}watch = false\n");
    bench.apply(&config, false);
    fs::write(bench.file("net"), text(2, 1)).unwrap();
    bench.keeper.sweep(Instant::now());
    assert!(!bench.keeper.debounce.is_waiting(&name("net")));
    assert_eq!(bench.apply(&config, false).loaded, 1);
    assert_eq!(bench.served("net"), Some(2));
}

#[test]
fn a_reload_loads_what_changed() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1)), ("b.zone", &text(1, 1))]);
    assert_eq!(bench.apply(GROUP, false).loaded, 2);
    assert_eq!(bench.apply(GROUP, false).loaded, 0);
    replace(&bench.file("b.zone"), &text(2, 1));
    assert_eq!(bench.apply(GROUP, false).loaded, 1);
    assert_eq!((bench.served("a"), bench.served("b")), (Some(1), Some(2)));
}

#[test]
fn an_error_leaves_the_served_version_and_says_where_it_is() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    bench.apply(NET, false);
    fs::write(bench.file("net"), format!("{}bad A 192.0.2\n", text(2, 1))).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(1));
    let status = bench.status("net");
    assert_eq!((status.failures, status.served_from), (1, ServedFrom::File));
    let place = format!("{}:5:7: ", bench.file("net").display());
    assert!(status.errors[0].starts_with(&place), "{:?}", status.errors);
    replace(&bench.file("net"), &text(3, 1));
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(3));
    assert!(bench.status("net").errors.is_empty());
}

#[test]
fn a_deleted_file_leaves_the_served_version() {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    bench.apply(NET, false);
    fs::remove_file(bench.file("net")).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(1));
    fs::write(bench.file("net"), text(2, 1)).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(2));
}

#[test]
fn losing_most_of_a_zone_waits_to_be_accepted() {
    let mut bench = Bench::new(&[("net", &text(1, 200))]);
    bench.apply(NET, false);
    fs::write(bench.file("net"), text(2, 20)).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(1));
    let held = bench.status("net").held.unwrap();
    assert_eq!((held.old_records, held.new_records), (202, 22));
    assert!(matches!(
        bench.keeper.reload(&name("net"), false),
        Some(LoadOutcome::Held { .. })
    ));
    assert!(matches!(
        bench.keeper.reload(&name("net"), true),
        Some(LoadOutcome::Loaded { .. })
    ));
    assert_eq!(bench.served("net"), Some(2));
    assert_eq!(bench.status("net").held, None);
}

#[test]
fn content_under_an_old_serial_is_served_with_a_warning() {
    let mut bench = Bench::new(&[("net", &text(5, 1))]);
    bench.apply(NET, false);
    fs::write(bench.file("net"), text(5, 2)).unwrap();
    bench.after_edit("net");
    let status = bench.status("net");
    assert_eq!(status.records, 4);
    assert!(
        status.warnings.iter().any(|warning| warning.contains("didn't go up")),
        "{:?}",
        status.warnings
    );
}

#[test]
fn a_zone_that_is_broken_at_start_fails_alone() {
    let mut bench = Bench::new(&[("a.zone", "nonsense"), ("b.zone", &text(1, 1))]);
    let report = bench.apply(GROUP, false);
    assert_eq!((report.loaded, report.refused.len()), (1, 1));
    assert_eq!((bench.served("a"), bench.served("b")), (None, Some(1)));
    assert_eq!(bench.status("a").served_from, ServedFrom::Nothing);
    fs::write(bench.file("a.zone"), text(7, 1)).unwrap();
    bench.after_edit("a");
    assert_eq!(bench.served("a"), Some(7));
}

/// A keeper that starts where another one has left this copy of `net`.
fn after_a_restart(copy: &str, file: &str) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let folder = last_good::folder(dir.path());
    fs::create_dir(&folder).unwrap();
    last_good::write(&folder.join("net.last"), &zone("net", copy), 0).unwrap();
    Bench::within(dir, &[("net", file)])
}

#[test]
fn a_zone_that_is_broken_at_start_is_served_from_its_last_good_copy() {
    let mut bench = after_a_restart(&text(4, 3), "nonsense");
    bench.apply(NET, false);
    assert_eq!(bench.served("net"), Some(4));
    assert_eq!(bench.status("net").served_from, ServedFrom::LastGoodCopy);
    fs::write(bench.file("net"), text(5, 3)).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(5));
    assert_eq!(bench.status("net").served_from, ServedFrom::File);
}

#[test]
fn a_loss_while_the_daemon_was_down_is_held_too() {
    let mut bench = after_a_restart(&text(4, 200), &text(5, 2));
    bench.apply(NET, false);
    assert_eq!(bench.served("net"), Some(4));
    assert!(bench.status("net").held.is_some());
    assert_eq!(bench.apply(NET, true).loaded, 1);
    assert_eq!(bench.served("net"), Some(5));
}

#[test]
fn other_content_of_the_same_size_written_while_the_daemon_was_down_is_held_too() {
    let mut bench = after_a_restart(&text(4, 200), &text(5, 200).replace("\nh", "\ng"));
    bench.apply(NET, false);
    assert_eq!(bench.served("net"), Some(4));
    let held = bench.status("net").held.unwrap();
    assert_eq!((held.old_records, held.new_records), (202, 202));
    // The same files are judged the same way at the next start.
    bench = Bench::within(bench.dir, &[]);
    bench.apply(NET, false);
    assert_eq!(bench.served("net"), Some(4));
}

#[test]
fn a_file_that_is_written_at_the_start_is_measured_against_the_copy() {
    let mut bench = after_a_restart(&text(4, 200), &text(5, 200));
    let file = bench.file("net");
    let net = name("net");
    let mut entry = bench.entry(NET);
    let request = bench.keeper.request(&net, &entry);
    let mut attempt = load::in_parallel(&[request], 1).pop().unwrap();
    fs::write(&file, text(5, 20)).unwrap();
    attempt.is_current = false;
    let settled = bench.keeper.settle(&net, &mut entry, attempt, false);
    assert!(matches!(settled, (LoadOutcome::Changing, true)));
    bench.keeper.entries.insert(net.clone(), entry);
    bench.keeper.show(std::slice::from_ref(&net));
    bench.keeper.publish(std::slice::from_ref(&net));
    assert_eq!(bench.served("net"), Some(4));
    assert_eq!(bench.status("net").served_from, ServedFrom::LastGoodCopy);
    bench.quiet();
    assert!(bench.status("net").held.is_some());
    assert_eq!(bench.served("net"), Some(4));
}

#[test]
fn the_text_of_a_held_zone_has_the_command_to_accept_it() {
    let mut bench = after_a_restart(&text(4, 200), &text(5, 2));
    let report = bench.apply(NET, false);
    let (_, why) = &report.refused[0];
    assert!(why.contains("`dnsd reload net. --accept`"), "{why}");
}

#[test]
fn a_reload_leaves_alone_what_is_being_written() {
    let mut bench = Bench::new(&[("net", &text(1, 1)), ("a.zone", &text(1, 1))]);
    let config = format!("{NET}{GROUP}");
    bench.apply(&config, false);
    let mut edited = fs::File::create(bench.file("net")).unwrap();
    edited.write_all(text(2, 1).as_bytes()).unwrap();
    let mut new = fs::File::create(bench.file("b.zone")).unwrap();
    new.write_all(text(2, 1).as_bytes()).unwrap();
    bench.notice("net");
    bench.notice("b");
    for accept in [false, true] {
        let report = bench.apply(&config, accept);
        let refused: Vec<&ZoneKey> = report.refused.iter().map(|(zone, _)| zone).collect();
        assert_eq!((report.loaded, refused), (0, vec![&name("b"), &name("net")]));
        assert!(
            report.refused.iter().all(|(_, why)| why.contains("being written")),
            "{report:?}"
        );
    }
    assert_eq!(bench.served("net"), Some(1));
    edited.write_all(b"more A 192.0.2.1\n").unwrap();
    drop(edited);
    new.write_all(b"more A 192.0.2.1\n").unwrap();
    drop(new);
    for zone in ["net", "b"] {
        bench.wait_for_records(zone, 4);
        assert_eq!(bench.served(zone), Some(2));
    }
}

#[test]
fn a_new_file_in_a_group_is_a_new_zone() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::write(bench.file("README"), "not a zone").unwrap();
    fs::write(bench.file("b.zone"), text(1, 1)).unwrap();
    bench.after_edit("b");
    assert_eq!((bench.served("a"), bench.served("b")), (Some(1), Some(1)));
    replace(&bench.file("b.zone"), &text(2, 1));
    bench.after_edit("b");
    assert_eq!(bench.served("b"), Some(2));
}

#[test]
fn a_file_deleted_from_a_group_removes_its_zone_when_that_is_accepted() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1)), ("b.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::remove_file(bench.file("a.zone")).unwrap();
    assert!(bench.apply(GROUP, false).removed.is_empty());
    assert_eq!(bench.served("a"), Some(1));
    assert!(bench.status("a").file_is_gone);
    assert_eq!(bench.apply(GROUP, true).removed, [name("a")]);
    assert!(bench.board.zone(&name("a")).is_none());
    assert_eq!(bench.shared.serving.load().views.outside().zones().len(), 1);
}

#[test]
fn one_zone_of_a_deleted_file_is_removed_by_name() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::remove_file(bench.file("a.zone")).unwrap();
    assert!(matches!(
        bench.keeper.reload(&name("a"), false),
        Some(LoadOutcome::Failed(_))
    ));
    assert!(bench.status("a").file_is_gone);
    assert!(matches!(
        bench.keeper.reload(&name("a"), true),
        Some(LoadOutcome::Removed)
    ));
    assert!(bench.shared.serving.load().views.outside().zones().is_empty());
    assert!(bench.keeper.reload(&name("a"), true).is_none());
}

#[test]
fn a_zone_that_left_the_configuration_is_gone_at_once() {
    let mut bench = Bench::new(&[("net", &text(1, 1)), ("a.zone", &text(1, 1))]);
    bench.apply(&format!("{NET}{GROUP}"), false);
    assert_eq!(bench.apply(GROUP, false).removed, [name("net")]);
    assert_eq!(bench.apply("", false).removed, [name("a")]);
    assert!(bench.shared.serving.load().views.outside().zones().is_empty());
}

#[test]
fn a_zone_whose_file_is_another_is_loaded_from_there() {
    let mut bench = Bench::new(&[("net", &text(1, 1)), ("other", &text(9, 1))]);
    bench.apply(NET, false);
    bench.apply("[zone.\"net\".primary]\nfile = \"zones/other\"\n", false);
    assert_eq!(bench.served("net"), Some(9));
    fs::write(bench.file("other"), text(10, 1)).unwrap();
    bench.after_edit("net");
    assert_eq!(bench.served("net"), Some(10));
}

#[test]
fn many_zones_are_swapped_in_one_step() {
    let files: Vec<(String, String)> = (0..100).map(|n| (format!("z{n}.zone"), text(1, 1))).collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    let mut bench = Bench::new(&files);
    assert_eq!(bench.apply(GROUP, false).loaded, 100);
    let before = bench.shared.serving.load_full();
    replace(&bench.file("z7.zone"), &text(2, 1));
    bench.after_edit("z7");
    assert_eq!((bench.served("z7"), bench.served("z8")), (Some(2), Some(1)));
    assert_eq!(
        before.views.outside().zones().len(),
        100,
        "who still answers from the old zones has all of them"
    );
}

#[test]
fn what_is_answered_from_no_more_is_freed_by_the_keeper() {
    let mut bench = Bench::new(&[("net", &text(1, 3))]);
    bench.apply(NET, false);
    let answering = bench.keeper.shared.serving.load_full();
    let zone = Arc::downgrade(bench.keeper.entries[&name("net")].served.as_ref().unwrap());
    bench.apply("", false);
    drop(answering);
    assert!(
        !bench.keeper.retired.is_empty(),
        "who answered is not the one who frees"
    );
    bench.keeper.free_retired();
    assert!(bench.keeper.retired.is_empty());
    drop(bench);
    assert!(zone.upgrade().is_none());
}
