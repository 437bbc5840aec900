//! The promises about secondary zones: what is served, what is on disk, and what is there after a restart.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use dnsd_core::serial::Serial;
use dnsd_core::transfer::{Delta, Received};
use tokio::sync::mpsc::unbounded_channel;

use super::super::super::test_zone::compiled;
use super::*;

const SECONDARY: &str = "[zone.\"net\".secondary]\nprimaries = [\"192.0.2.53\"]\n";

/// A zone that expires after a day.
fn long_lived(serial: u32, hosts: usize) -> String {
    text(serial, hosts).replace("1 1 1 1\n", "60 60 86400 60\n")
}

fn whole(text: &str) -> Received {
    Received::Zone(Box::new(compiled("net", text)))
}

fn steps(versions: &[&str]) -> Received {
    let zones: Vec<_> = versions.iter().map(|text| zone("net", text)).collect();
    Received::Steps(
        zones
            .windows(2)
            .map(|pair| Delta::between(&pair[0], &pair[1]))
            .collect(),
    )
}

fn bench() -> Bench {
    let mut bench = Bench::new(&[]);
    bench.apply(SECONDARY, false);
    bench
}

impl Bench {
    fn transferred(&mut self, received: Received) -> Result<u32, NotTaken> {
        let taken = self.keeper.take_transferred(&name("net"), received, false);
        taken.map(|zone| zone.serial().0)
    }

    /// The daemon ends and starts again, with this configuration.
    fn restarted(self, config: &str) -> Self {
        let Self { dir, keeper, .. } = self;
        drop(keeper);
        let mut bench = Self::within(dir, &[]);
        bench.apply(config, false);
        bench
    }

    fn copy(&self) -> PathBuf {
        last_good::folder(self.dir.path()).join("net.last")
    }
}

#[test]
fn a_zone_that_never_came_is_servfail_and_one_that_came_is_served_and_told() {
    let mut bench = bench();
    assert_eq!(
        (bench.served("net"), bench.status("net").served_from),
        (None, ServedFrom::Nothing)
    );
    let (listener, mut changes) = unbounded_channel();
    assert!(bench.keeper.handle(Input::Listen(listener)).is_continue());
    assert_eq!(bench.transferred(whole(&long_lived(1, 3))).unwrap(), 1);
    assert_eq!(
        (bench.served("net"), bench.status("net").served_from),
        (Some(1), ServedFrom::Transfer)
    );
    let told = changes.try_recv().unwrap();
    assert_eq!((told.key, told.zone.serial().0), (name("net"), 1));
}

#[test]
fn a_table_has_its_secondary_zone_before_a_file_of_a_group_which_transfers_leave_alone() {
    let both = format!("{GROUP}{SECONDARY}");
    let mut bench = Bench::new(&[("net.zone", &text(5, 1))]);
    let file = bench.file("net.zone");
    let report = bench.apply(&both, false);
    assert_eq!((report.loaded, report.refused.len()), (0, 1));
    assert_eq!(bench.status("net").rivals, std::slice::from_ref(&file));
    assert_eq!(bench.transferred(whole(&long_lived(1, 3))).unwrap(), 1);
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), text(5, 1));
    // Nor does a file have it that turns up later.
    fs::remove_file(&file).unwrap();
    bench.keeper.sweep(Instant::now());
    assert!(bench.status("net").rivals.is_empty());
    fs::write(&file, text(6, 1)).unwrap();
    bench.keeper.sweep(Instant::now());
    assert_eq!(bench.status("net").rivals, std::slice::from_ref(&file));
    assert!(!bench.keeper.debounce.is_waiting(&name("net")));
    // Without the table the file is the zone, and with it again the zone is no more.
    assert!(bench.apply(GROUP, false).refused.is_empty());
    assert_eq!((bench.served("net"), bench.status("net").rivals), (Some(6), Vec::new()));
    assert_eq!(bench.apply(&both, false).removed, [name("net")]);
    assert_eq!(bench.transferred(whole(&long_lived(8, 3))).unwrap(), 8);
    assert_eq!(bench.served("net"), Some(8));
    assert_eq!(fs::read_to_string(&file).unwrap(), text(6, 1));
}

#[test]
fn a_zone_that_goes_and_comes_back_keeps_the_copy_that_was_to_go() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 3))).unwrap();
    let mut bench = bench.restarted(SECONDARY);
    bench.keeper.is_serving = true;
    bench.apply("", false);
    bench.apply(SECONDARY, false);
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(bench.restarted(SECONDARY).served("net"), Some(1));
}

#[test]
fn a_table_has_its_forward_zone_before_a_file_of_a_group() {
    let mut bench = Bench::new(&[("net.zone", &text(5, 1))]);
    let forward = "[zone.\"net\".forward]\nforwarders = [\"192.0.2.1\"]\n";
    let report = bench.apply(&format!("{GROUP}{forward}"), false);
    assert_eq!((report.loaded, report.refused.len(), bench.served("net")), (0, 1, None));
    assert!(bench.keeper.entries.is_empty());
}

#[test]
fn a_zone_is_served_from_its_copy_after_a_restart() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 3))).unwrap();
    let bench = bench.restarted(SECONDARY);
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(bench.keeper.stored(&name("net")).unwrap().zone.record_count(), 5);
}

#[test]
fn steps_are_served_and_there_after_a_restart_without_another_copy() {
    let mut bench = bench();
    let versions = [1, 2, 3].map(|serial| long_lived(serial, serial as usize));
    bench.transferred(whole(&versions[0])).unwrap();
    bench = bench.restarted(SECONDARY);
    let copy = fs::read(bench.copy()).unwrap();
    assert_eq!(
        bench
            .transferred(steps(&[&versions[0], &versions[1], &versions[2]]))
            .unwrap(),
        3
    );
    assert_eq!(bench.served("net"), Some(3));
    let history = |bench: &Bench| bench.keeper.secondaries[&name("net")].info.history.load_full();
    assert_eq!(history(&bench).since(Serial(1), Serial(3)).unwrap().len(), 2);
    let bench = bench.restarted(SECONDARY);
    assert_eq!(bench.served("net"), Some(3));
    assert_eq!(history(&bench).since(Serial(1), Serial(3)).unwrap().len(), 2);
    assert_eq!(fs::read(bench.copy()).unwrap(), copy);
}

#[test]
fn a_kill_around_the_time_when_the_copy_of_a_whole_zone_is_written_leaves_that_or_the_version_before_it() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench = bench.restarted(SECONDARY);
    bench
        .transferred(steps(&[&long_lived(1, 1), &long_lived(2, 2)]))
        .unwrap();
    bench.transferred(whole(&long_lived(6, 3))).unwrap();
    bench
        .transferred(steps(&[&long_lived(6, 3), &long_lived(7, 4)]))
        .unwrap();
    let left = tempfile::tempdir().unwrap();
    updates::copy_all(bench.dir.path(), left.path());
    // As long as the copy isn't there, what leads on from it is of no use.
    let mut killed = Bench::within(left, &[]);
    killed.apply(SECONDARY, false);
    let left = killed.keeper.secondaries[&name("net")]
        .version
        .as_ref()
        .unwrap()
        .serial();
    assert!([Serial(2), Serial(7)].contains(&left), "{left}");
    assert_eq!(bench.restarted(SECONDARY).served("net"), Some(7));
}

#[test]
fn a_full_journal_whose_steps_are_all_needed_is_not_written_anew_with_each() {
    let config = format!("{SECONDARY}max-journal-size = \"1KiB\"\n");
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench = bench.restarted(&config);
    // The first of these steps is larger than any journal may always be.
    let versions = [(1, 1), (2, 4000), (3, 4001), (4, 4002)].map(|(serial, hosts)| long_lived(serial, hosts));
    let journal = bench.copy().with_extension("journal");
    let mut files = Vec::new();
    for pair in versions.windows(2) {
        bench.transferred(steps(&[&pair[0], &pair[1]])).unwrap();
        // Another file has another number.
        files.push(fs::metadata(&journal).unwrap().ino());
    }
    assert_eq!(last_good::header(&bench.copy()).unwrap().serial(), Serial(1));
    assert!(fs::metadata(&journal).unwrap().len() > 64 << 10);
    assert_eq!(files, [files[0]; 3]);
    assert_eq!(bench.restarted(SECONDARY).served("net"), Some(4));
}

#[test]
fn a_primary_with_an_older_version_confirms_nothing() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(9, 1))).unwrap();
    bench.keeper.expire(&name("net"));
    bench.transferred(Received::UpToDate(Serial(5))).unwrap();
    assert_eq!(bench.served("net"), None);
    bench.transferred(Received::UpToDate(Serial(9))).unwrap();
    assert_eq!(bench.served("net"), Some(9));
}

#[test]
fn a_whole_zone_leaves_no_steps_behind() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench
        .transferred(steps(&[&long_lived(1, 1), &long_lived(2, 2)]))
        .unwrap();
    bench.transferred(whole(&long_lived(1, 5))).unwrap();
    let bench = bench.restarted(SECONDARY);
    assert_eq!((bench.served("net"), bench.status("net").records), (Some(1), 7));
}

#[test]
fn steps_behind_a_serial_that_was_reset_are_there_after_a_restart() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(9, 1))).unwrap();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    // The second run ends behind the serials that came twice.
    for versions in [&[1, 2][..], &[2, 10, 11]] {
        bench = bench.restarted(SECONDARY);
        for pair in versions.windows(2) {
            let [from, to] = [pair[0], pair[1]].map(|serial| long_lived(serial, serial as usize));
            bench.transferred(steps(&[&from, &to])).unwrap();
        }
        bench = bench.restarted(SECONDARY);
        assert_eq!(bench.served("net"), versions.last().copied());
    }
}

#[test]
fn what_a_primary_may_serve_and_a_file_may_not_hold_is_there_after_a_restart() {
    let mut bench = bench();
    let odd = long_lived(1, 1).replace("@ NS ns.other.", "@ NS ns\nw CNAME h0\nw TXT x");
    bench.transferred(whole(&odd)).unwrap();
    let bench = bench.restarted(SECONDARY);
    assert_eq!((bench.served("net"), bench.status("net").records), (Some(1), 5));
}

#[test]
fn a_zone_without_ns_records_is_not_taken() {
    let mut bench = bench();
    let refused = bench.transferred(whole(&long_lived(1, 1).replace("@ NS ns.other.\n", "")));
    assert!(matches!(refused, Err(NotTaken::NoNs)), "{refused:?}");
}

#[test]
fn steps_that_do_not_fit_leave_the_zone_as_it_is() {
    let mut bench = bench();
    assert!(matches!(
        bench.transferred(steps(&[&long_lived(1, 1), &long_lived(2, 1)])),
        Err(NotTaken::NoVersion)
    ));
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    let misfit = bench.transferred(steps(&[&long_lived(1, 3), &long_lived(2, 1)]));
    assert!(matches!(misfit, Err(NotTaken::Unusable(_))), "{misfit:?}");
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(bench.restarted(SECONDARY).served("net"), Some(1));
}

#[test]
fn a_transfer_that_loses_most_of_the_zone_waits_to_be_accepted() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 200))).unwrap();
    let in_steps = steps(&[&long_lived(1, 200), &long_lived(2, 2)]);
    assert!(matches!(bench.transferred(in_steps), Err(NotTaken::Held(..))));
    let held = bench.transferred(whole(&long_lived(2, 2))).unwrap_err();
    assert!(held.to_string().contains("`dnsd reload net. --accept`"), "{held}");
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(bench.status("net").held.unwrap().new_records, 4);
    assert!(matches!(
        bench.keeper.reload(&name("net"), false),
        Some(LoadOutcome::Held { .. })
    ));
    assert!(matches!(
        bench.keeper.reload(&name("net"), true),
        Some(LoadOutcome::Loaded { .. })
    ));
    assert_eq!((bench.served("net"), bench.status("net").held), (Some(2), None));
    assert!(matches!(
        bench.keeper.reload(&name("net"), true),
        Some(LoadOutcome::NotFromFile)
    ));
    assert_eq!(bench.restarted(SECONDARY).served("net"), Some(2));
}

#[test]
fn a_version_that_waits_can_be_accepted_until_a_primary_has_the_one_before_it_again() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 200))).unwrap();
    bench.transferred(whole(&long_lived(2, 2))).unwrap_err();
    bench.keeper.keep_alive(&name("net"), SystemTime::now());
    assert!(bench.status("net").held.is_some());
    bench.keeper.take_confirmed(&name("net"), SystemTime::now());
    assert_eq!(bench.status("net").held, None);
    assert!(matches!(
        bench.keeper.reload(&name("net"), true),
        Some(LoadOutcome::NotFromFile)
    ));
    assert_eq!(bench.served("net"), Some(1));
}

#[test]
fn more_than_the_zone_may_have_is_not_taken() {
    let mut bench = Bench::new(&[]);
    bench.apply(&format!("{SECONDARY}max-records = 5\n"), false);
    bench.transferred(whole(&long_lived(1, 3))).unwrap();
    assert!(matches!(
        bench.transferred(whole(&long_lived(2, 4))),
        Err(NotTaken::TooLarge)
    ));
    let larger = steps(&[&long_lived(1, 3), &long_lived(2, 4)]);
    assert!(matches!(bench.transferred(larger), Err(NotTaken::TooLarge)));
    assert_eq!(bench.served("net"), Some(1));
}

#[test]
fn rfc1034_4_3_5_an_expired_zone_is_servfail_until_a_primary_confirms_it() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench.keeper.expire(&name("net"));
    assert_eq!(
        (bench.served("net"), bench.status("net").served_from),
        (None, ServedFrom::Expired)
    );
    bench.keeper.take_confirmed(&name("net"), SystemTime::now());
    assert_eq!(bench.served("net"), Some(1));
}

#[test]
fn the_time_to_expiry_goes_on_while_the_daemon_is_down() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    let confirmed_at = hours_ago(23);
    bench.keeper.take_confirmed(&name("net"), confirmed_at);
    let mut bench = bench.restarted(SECONDARY);
    assert_eq!(bench.served("net"), Some(1));
    assert_eq!(bench.keeper.stored(&name("net")).unwrap().confirmed_at, confirmed_at);
    bench.keeper.take_confirmed(&name("net"), hours_ago(25));
    let bench = bench.restarted(SECONDARY);
    assert_eq!(
        (bench.served("net"), bench.status("net").served_from),
        (None, ServedFrom::Expired)
    );
    assert_eq!(bench.keeper.stored(&name("net")).unwrap().zone.serial().0, 1);
}

#[test]
fn a_copy_in_a_file_of_somebodys_choice_is_the_newest_version() {
    let config = format!("{SECONDARY}file = \"zones/net.copy\"\n");
    let mut bench = Bench::new(&[]);
    bench.apply(&config, false);
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench
        .transferred(steps(&[&long_lived(1, 1), &long_lived(2, 2)]))
        .unwrap();
    let bench = bench.restarted(&config);
    assert_eq!(bench.served("net"), Some(2));
    assert!(
        fs::read_to_string(bench.file("net.copy"))
            .unwrap()
            .contains("h1.net. 60 IN A")
    );
    assert!(!bench.copy().exists());
}

#[test]
fn a_secondary_zone_that_left_the_configuration_leaves_nothing() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    bench
        .transferred(steps(&[&long_lived(1, 1), &long_lived(2, 2)]))
        .unwrap();
    assert_eq!(bench.apply("", false).removed, [name("net")]);
    assert!(bench.shared.serving.load().views.outside().zones().is_empty());
    assert!(matches!(
        bench.transferred(whole(&long_lived(3, 1))),
        Err(NotTaken::NoSuchZone)
    ));
    let bench = bench.restarted(SECONDARY);
    assert_eq!(bench.served("net"), None);
    assert_eq!(fs::read_dir(last_good::folder(bench.dir.path())).unwrap().count(), 0);
}

#[test]
fn a_primary_zone_that_becomes_a_secondary_is_served_on_over_a_restart() {
    let mut bench = Bench::new(&[("net", &long_lived(4, 3))]);
    bench.apply("[zone.\"net\".primary]\nfile = \"zones/net\"\n", false);
    // The copy is on disk.
    let mut bench = bench.restarted("[zone.\"net\".primary]\nfile = \"zones/net\"\n");
    // It was edited last longer ago than a secondary would serve it.
    let copy = fs::File::options().write(true).open(bench.copy()).unwrap();
    copy.set_modified(SystemTime::now() - Duration::from_secs(10 * 86_400))
        .unwrap();
    bench.apply(SECONDARY, false);
    assert_eq!(bench.served("net"), Some(4));
    let bench = bench.restarted(SECONDARY);
    assert_eq!(bench.served("net"), Some(4));
}

#[test]
fn a_secondary_zone_of_a_view_is_seen_there_only() {
    let mut bench = Bench::new(&[]);
    let config = SECONDARY.replace("[zone", "[view.cloud.zone");
    bench.apply(
        &format!("[view.cloud]\nmatch-clients = [\"10.0.0.0/24\"]\n{config}"),
        false,
    );
    let key = ZoneKey::new(Some("cloud".into()), name("net").name);
    bench
        .keeper
        .take_transferred(&key, whole(&long_lived(1, 1)), false)
        .unwrap();
    assert_eq!(bench.seen("net", "10.0.0.7"), Some(1));
    assert_eq!(bench.seen("net", "192.0.2.1"), None);
}

#[test]
fn a_copy_that_is_to_be_elsewhere_is_written_there_and_the_zone_served_on() {
    let mut bench = bench();
    bench.transferred(whole(&long_lived(1, 1))).unwrap();
    let config = format!("{SECONDARY}file = \"zones/net.copy\"\n");
    bench.apply(&config, false);
    assert_eq!(bench.served("net"), Some(1));
    let bench = bench.restarted(&config);
    assert_eq!(bench.served("net"), Some(1));
    assert!(bench.file("net.copy").exists());
}
