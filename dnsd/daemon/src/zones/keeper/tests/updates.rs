//! The promises about dynamic updates: nothing that was acknowledged is lost, and the file's editor is not ignored.

use std::sync::Mutex;

use dnsd_core::message::Rcode;
use dnsd_core::name::Name;

use super::*;

const NET: &str =
    "[zone.\"net\".primary]\nfile = \"zones/net\"\nallow-update = [\"any\"]\nallow-transfer = [\"any\"]\n";

/// An update of `net` (RFC 2136 §2) that adds an address to this host, or deletes all of them.
fn update_of(host: &str, adds: bool) -> Box<[u8]> {
    let wire = |text: &str| text.parse::<Name>().unwrap().as_wire().to_vec();
    // One zone, no prerequisite, one update.
    let mut message = vec![0, 7, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    message.extend(wire("net"));
    message.extend([0, 6, 0, 1]);
    message.extend(wire(&format!("{host}.net")));
    message.extend([0, 1]);
    match adds {
        true => message.extend([0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 99]),
        false => message.extend([0, 255, 0, 0, 0, 0, 0, 0]),
    }
    message.into()
}

type Replies = Arc<Mutex<Vec<Rcode>>>;

impl Bench {
    /// Sends updates that wait together; gives their replies.
    fn update(&mut self, messages: &[Box<[u8]>]) -> Vec<Rcode> {
        let replies = Replies::default();
        for message in messages {
            let replies = replies.clone();
            let update = Input::Update {
                zone: name("net"),
                request: message.clone(),
                reply: Box::new(move |rcode| replies.lock().unwrap().push(rcode)),
            };
            assert!(self.keeper.handle(update).is_continue());
        }
        self.keeper.commit_updates();
        let replies = replies.lock().unwrap();
        replies.clone()
    }

    fn add(&mut self, host: &str) {
        assert_eq!(self.update(&[update_of(host, true)]), [Rcode::NOERROR]);
    }

    /// Whether this host has an address in what is served.
    fn has(&self, host: &str) -> bool {
        let serving = self.shared.serving.load();
        let zones = serving.views.outside().zones();
        let number = zones.number(name("net").name.as_name_ref()).unwrap();
        let ZoneState::Loaded(zone) = zones.state(number).unwrap() else {
            return false;
        };
        let host: Name = format!("{host}.net").parse().unwrap();
        zone.nodes().any(|node| node.name() == host.as_name_ref())
    }

    /// The daemon is killed: nothing is written that wasn't, and it starts again.
    fn killed(self) -> Self {
        let Self { dir, keeper, .. } = self;
        let left = tempfile::tempdir().unwrap();
        copy_all(dir.path(), left.path());
        drop(keeper);
        let mut bench = Self::within(left, &[]);
        bench.apply(NET, false);
        bench
    }

    /// The daemon ends with its copies written, something is done, and it starts again.
    fn while_down(self, what: impl FnOnce(&Path)) -> Self {
        let Self { dir, keeper, .. } = self;
        drop(keeper);
        what(&dir.path().join("zones/net"));
        let mut bench = Self::within(dir, &[]);
        bench.apply(NET, false);
        bench
    }

    fn reload_net(&mut self) -> LoadOutcome {
        self.keeper.reload(&name("net"), false).unwrap()
    }
}

/// Copies files as they are, with their times, which tell their versions apart.
pub(super) fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(NET, false);
    bench
}

#[test]
fn an_update_is_served_and_a_step() {
    let mut bench = bench();
    bench.add("new");
    assert_eq!((bench.served("net"), bench.has("new")), (Some(2), true));
    let history = bench.keeper.entries[&name("net")].info.history.load_full();
    assert_eq!(
        history
            .since(dnsd_core::serial::Serial(1), dnsd_core::serial::Serial(2))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(bench.status("net").serial.unwrap().0, 2);
}

#[test]
fn updates_that_wait_together_are_all_answered_when_they_are_on_disk() {
    let mut bench = bench();
    let hosts = ["a", "b", "c"].map(|host| update_of(host, true));
    assert_eq!(bench.update(&hosts), [Rcode::NOERROR; 3]);
    assert_eq!(bench.served("net"), Some(4));
    assert_eq!(bench.update(&[[0; 40].into()]), [Rcode::FORMERR]);
}

#[test]
fn what_is_judged_by_updates_that_cannot_be_written_fails_with_them() {
    let mut bench = bench();
    // Where the journal would be.
    fs::create_dir_all(last_good::folder(bench.dir.path()).join("net.journal/in the way")).unwrap();
    // The second one is refused only if the first has taken effect.
    let mut refused = update_of("a", true).to_vec();
    refused.splice(6..8, [0, 1]);
    let at = 12 + 5 + 4;
    let not_in_use = [&b"\x01a\x03net\0"[..], &[0, 255, 0, 254, 0, 0, 0, 0, 0, 0]].concat();
    refused.splice(at..at, not_in_use);
    let refused: Box<[u8]> = refused.into();
    assert_eq!(
        bench.update(&[update_of("a", true), refused.clone()]),
        [Rcode::SERVFAIL, Rcode::SERVFAIL]
    );
    fs::remove_dir_all(last_good::folder(bench.dir.path()).join("net.journal")).unwrap();
    assert_eq!(
        bench.update(&[update_of("a", true), refused]),
        [Rcode::NOERROR, Rcode::YXDOMAIN]
    );
}

#[test]
fn an_update_that_was_acknowledged_is_there_after_a_restart() {
    let mut bench = bench();
    bench.add("new");
    bench.update(&[update_of("h0", false)]);
    let bench = bench.while_down(|_| {});
    assert_eq!(
        (bench.served("net"), bench.has("new"), bench.has("h0")),
        (Some(3), true, false)
    );
    assert_eq!(bench.status("net").served_from, ServedFrom::File);
}

#[test]
fn an_update_that_was_acknowledged_is_there_after_a_kill() {
    let mut bench = bench();
    // The first restart leaves the copy of the file behind, as a daemon that has run for seconds has it.
    bench = bench.while_down(|_| {});
    bench.add("new");
    let bench = bench.killed();
    assert!(bench.has("new"), "{:?}", bench.status("net"));
}

#[test]
fn an_edit_elsewhere_in_the_zone_goes_together_with_updates() {
    let mut bench = bench();
    bench.add("new");
    replace(&bench.file("net"), &text(5, 3));
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert!(bench.has("new") && bench.has("h2"));
    assert_eq!(bench.served("net"), Some(6));
    bench.add("newer");
    let bench = bench.while_down(|_| {});
    assert!(bench.has("new") && bench.has("newer") && bench.has("h2"));
}

#[test]
fn an_edit_of_what_updates_have_changed_is_refused_and_nothing_is_lost() {
    let mut bench = bench();
    bench.update(&[update_of("h1", false)]);
    replace(
        &bench.file("net"),
        &text(5, 2).replace("h1 A 192.0.2.1", "h1 A 192.0.2.2"),
    );
    let refused = bench.reload_net();
    assert!(refused.to_string().contains("dnsd freeze"), "{refused}");
    assert_eq!((bench.served("net"), bench.has("h1")), (Some(2), false));
    // The file is not written over.
    assert!(matches!(bench.keeper.sync(&name("net")), Err(SyncError::FileNotServed)));
    replace(&bench.file("net"), &text(5, 2));
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert!(!bench.has("h1"));
}

#[test]
fn updates_are_not_written_over_an_edit_that_waits_to_be_loaded_or_accepted() {
    let mut bench = Bench::new(&[("net", &text(1, 200))]);
    bench.apply(NET, false);
    bench.add("new");
    bench.keeper.watcher.forget(&Key::Zone(name("net")));
    let edited = text(5, 20);
    replace(&bench.file("net"), &edited);
    bench.keeper.sweep(Instant::now());
    for is_loaded in [false, true] {
        if is_loaded {
            bench.quiet();
        }
        assert_eq!(bench.status("net").held.is_some(), is_loaded);
        assert!(matches!(bench.keeper.sync(&name("net")), Err(SyncError::FileNotServed)));
        assert_eq!(fs::read_to_string(bench.file("net")).unwrap(), edited);
    }
    assert!(bench.keeper.reload(&name("net"), true).unwrap().is_served());
    assert!(bench.has("new") && !bench.has("h20"));
}

#[test]
fn an_edit_while_the_daemon_was_down_goes_together_with_updates() {
    let mut bench = bench();
    bench.add("new");
    let bench = bench.while_down(|file| replace(file, &text(5, 3)));
    assert!(bench.has("new") && bench.has("h2"), "{:?}", bench.status("net"));
    assert_eq!(bench.served("net"), Some(6));
}

#[test]
fn an_update_after_which_the_file_could_not_be_loaded_is_refused() {
    let own_server = text(1, 2).replace("@ NS ns.other.", "@ NS h1");
    let mut bench = Bench::new(&[("net", &own_server)]);
    bench.apply(NET, false);
    assert_eq!(bench.update(&[update_of("h1", false)]), [Rcode::REFUSED]);
    assert_eq!((bench.served("net"), bench.has("h1")), (Some(1), true));
    assert_eq!(bench.update(&[update_of("h0", false)]), [Rcode::NOERROR]);
}

#[test]
fn an_edit_of_a_ttl_goes_together_with_updates() {
    let mut bench = bench();
    bench.add("new");
    replace(&bench.file("net"), &text(5, 2).replace("h1 A", "h1 77 A"));
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert!(bench.has("new"));
    let served = bench.keeper.entries[&name("net")].served.clone().unwrap();
    let h1: Name = "h1.net".parse().unwrap();
    let node = served.nodes().find(|node| node.name() == h1.as_name_ref()).unwrap();
    assert_eq!(
        node.sets().map(dnsd_core::zone::RecordSet::ttl).collect::<Vec<_>>(),
        [77]
    );
}

#[test]
fn updates_that_give_way_to_a_peers_version_are_kept_and_further_ones_lead_on_from_it() {
    let mut bench = bench();
    bench.add("new");
    let theirs = super::super::super::test_zone::compiled("net", &text(9, 2));
    let received = Received::Zone(Box::new(theirs));
    bench.keeper.take_transferred(&name("net"), received, false).unwrap();
    assert_eq!((bench.served("net"), bench.has("new")), (Some(9), false));
    let kept = last_good::folder(bench.dir.path()).join("net.replaced");
    assert!(
        fs::read_to_string(kept)
            .unwrap()
            .contains("new.net. 60 IN A 192.0.2.99\n")
    );
    bench.add("newer");
    let bench = bench.killed();
    assert_eq!(
        (bench.served("net"), bench.has("newer"), bench.has("new")),
        (Some(10), true, false)
    );
    assert_eq!(bench.status("net").errors, Vec::<String>::new());
}

#[test]
fn a_frozen_zone_takes_nothing_from_a_peer() {
    let mut bench = bench();
    bench.keeper.freeze(&name("net")).unwrap();
    let theirs = super::super::super::test_zone::compiled("net", &text(9, 2));
    let received = Received::Zone(Box::new(theirs));
    let refused = bench.keeper.take_transferred(&name("net"), received, false);
    assert!(matches!(refused, Err(NotTaken::Frozen)), "{refused:?}");
}

#[test]
fn an_edit_and_updates_that_together_are_no_right_zone_are_refused() {
    let mut bench = bench();
    bench.update(&[update_of("h1", false)]);
    let edited = text(5, 2).replace("@ NS ns.other.", "@ NS ns.other.\n@ NS h1");
    replace(&bench.file("net"), &edited);
    let refused = bench.reload_net();
    assert!(refused.to_string().contains("h1.net. has no address"), "{refused}");
    assert_eq!((bench.served("net"), bench.has("h1")), (Some(2), false));
}

#[test]
fn a_file_that_is_broken_at_start_leaves_the_updates_served() {
    let mut bench = bench();
    bench.add("new");
    let mut bench = bench.while_down(|file| fs::write(file, "nonsense").unwrap());
    assert_eq!((bench.served("net"), bench.has("new")), (Some(2), true));
    assert_eq!(bench.status("net").served_from, ServedFrom::LastGoodCopy);
    assert_eq!(bench.update(&[update_of("newer", true)]), [Rcode::SERVFAIL]);
}

#[test]
fn sync_writes_the_updates_into_the_file() {
    let mut bench = bench();
    bench.add("new");
    bench.keeper.sync(&name("net")).unwrap();
    assert!(
        fs::read_to_string(bench.file("net"))
            .unwrap()
            .contains("new.net. 60 IN A 192.0.2.99")
    );
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert_eq!(bench.served("net"), Some(2));
    bench.add("newer");
    let bench = bench.while_down(|_| {});
    assert_eq!(
        (bench.served("net"), bench.has("new"), bench.has("newer")),
        (Some(3), true, true)
    );
}

#[test]
fn a_kill_between_the_file_and_the_journal_of_a_sync_loses_nothing() {
    let mut bench = bench();
    bench = bench.while_down(|_| {});
    bench.add("new");
    let bench = bench.while_down(|file| {
        let synced = format!("{}new A 192.0.2.99\n", text(2, 2));
        replace(file, &synced);
    });
    assert_eq!((bench.served("net"), bench.has("new")), (Some(2), true));
    assert!(
        bench.status("net").errors.is_empty(),
        "{:?}",
        bench.status("net").errors
    );
}

#[test]
fn a_sync_that_a_kill_cut_off_in_the_first_seconds_of_a_daemon_loses_nothing() {
    let mut bench = bench();
    bench.add("new");
    bench.update(&[update_of("h0", false)]);
    // There is no copy of the file as it was yet.
    let synced = format!("{}new A 192.0.2.99\n", text(3, 2).replace("h0 A 192.0.2.1\n", ""));
    fs::write(bench.file("net"), &synced).unwrap();
    let mut bench = bench.killed();
    assert_eq!(
        (bench.served("net"), bench.has("new"), bench.has("h0")),
        (Some(3), true, false),
        "{:?}",
        bench.status("net").errors
    );
    bench.add("newer");
    let bench = bench.while_down(|_| {});
    assert!(bench.has("new") && bench.has("newer"));
}

#[test]
fn an_edit_with_the_serial_of_the_updates_is_not_taken_for_them() {
    let mut bench = bench();
    bench.add("new");
    fs::write(bench.file("net"), text(2, 3)).unwrap();
    let bench = bench.killed();
    assert!(
        bench
            .status("net")
            .errors
            .join("\n")
            .contains("edited while the daemon was down"),
        "{:?}",
        bench.status("net").errors
    );
}

#[test]
fn a_frozen_zone_takes_no_updates_until_it_is_thawed() {
    let mut bench = bench();
    bench.add("new");
    bench.keeper.freeze(&name("net")).unwrap();
    assert!(bench.status("net").is_frozen);
    assert_eq!(bench.update(&[update_of("newer", true)]), [Rcode::REFUSED]);
    let edited = fs::read_to_string(bench.file("net"))
        .unwrap()
        .replace("192.0.2.99", "192.0.2.98");
    replace(&bench.file("net"), &edited.replace(" 2 1 1 1 1", " 9 1 1 1 1"));
    bench.keeper.thaw(&name("net")).unwrap();
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert_eq!(bench.served("net"), Some(9));
    bench.add("newer");
    assert_eq!(bench.served("net"), Some(10));
    let bench = bench.while_down(|_| {});
    assert!(bench.has("new") && bench.has("newer"));
}

#[test]
fn a_journal_that_is_full_goes_into_the_file() {
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(&format!("{NET}max-journal-size = \"1KiB\"\n"), false);
    let hosts: Vec<Box<[u8]>> = (0..700).map(|n| update_of(&format!("n{n}"), true)).collect();
    assert!(bench.update(&hosts).iter().all(|rcode| *rcode == Rcode::NOERROR));
    assert!(fs::read_to_string(bench.file("net")).unwrap().contains("n699.net."));
    let journal = last_good::folder(bench.dir.path()).join("net.journal");
    assert!(fs::metadata(journal).unwrap().len() < 64 << 10);
    let bench = bench.while_down(|_| {});
    assert_eq!(
        (bench.served("net"), bench.has("n0"), bench.has("n699")),
        (Some(701), true, true)
    );
}

#[test]
fn a_journal_that_cannot_go_into_the_file_has_a_bound() {
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(&format!("{NET}max-journal-size = \"1KiB\"\n"), false);
    // Where the new file would be written first.
    fs::create_dir_all(bench.file("net.dpkg-new/in the way")).unwrap();
    let mut taken = 0;
    while bench.update(&[update_of(&format!("n{taken}"), true)]) == [Rcode::NOERROR] {
        taken += 1;
        assert!(taken < 5000);
    }
    let journal = last_good::folder(bench.dir.path()).join("net.journal");
    let bytes = fs::metadata(journal).unwrap().len();
    // The smallest bound is 64 KiB.
    assert!((64 << 10..66 << 10).contains(&bytes), "{bytes}");
    assert_eq!(bench.update(&[update_of("more", true)]), [Rcode::SERVFAIL]);
    // The file can be written again, and that is tried some time later.
    fs::remove_dir_all(bench.file("net.dpkg-new")).unwrap();
    let entry = bench.keeper.entries.get_mut(&name("net")).unwrap();
    entry.dynamic.as_mut().unwrap().forget_stuck();
    bench.add("again");
    assert!(fs::read_to_string(bench.file("net")).unwrap().contains("again.net."));
    bench.add("and-again");
    let bench = bench.while_down(|_| {});
    assert!(bench.has("n0") && bench.has("and-again"));
}

#[test]
fn an_edit_of_a_file_that_has_all_updates_is_raised_when_that_is_wanted() {
    let auto = format!("{NET}serial = \"auto\"\n");
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(&auto, false);
    bench.add("new");
    bench.keeper.sync(&name("net")).unwrap();
    let synced = fs::read_to_string(bench.file("net")).unwrap();
    replace(&bench.file("net"), &format!("{synced}edited.net. 60 IN A 192.0.2.7\n"));
    assert!(matches!(bench.reload_net(), LoadOutcome::Loaded { .. }));
    assert_eq!(
        (bench.served("net"), bench.has("new"), bench.has("edited")),
        (Some(3), true, true)
    );
    assert_eq!(bench.status("net").warnings, Vec::<String>::new());
    bench.add("newer");
    let Bench { dir, keeper, .. } = bench;
    drop(keeper);
    let mut bench = Bench::within(dir, &[]);
    bench.apply(&auto, false);
    assert_eq!(
        (bench.served("net"), bench.has("edited"), bench.has("newer")),
        (Some(4), true, true)
    );
}

#[test]
fn a_zone_that_leaves_the_configuration_leaves_its_updates_in_its_file() {
    let mut bench = bench();
    bench.add("new");
    assert_eq!(bench.apply("", false).removed, [name("net")]);
    assert!(fs::read_to_string(bench.file("net")).unwrap().contains("new.net."));
    bench.apply(NET, false);
    assert!(bench.has("new"));
}
