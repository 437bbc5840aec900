//! Groups: what their folders have besides zones, two files for one zone, and folders that aren't there.

use super::*;

impl Bench {
    /// Handles file events until something is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let input = self.keeper.inbox.recv_timeout(left);
            let input = input.unwrap_or_else(|_| panic!("{what}: no event came"));
            assert!(self.keeper.handle(input).is_continue());
        }
    }

    fn rivals(&self, zone: &str) -> Vec<PathBuf> {
        self.status(zone).rivals
    }
}

#[test]
fn of_two_files_for_one_zone_one_is_served_and_the_other_told() {
    let mut bench = Bench::new(&[("one.zone", &text(1, 1)), ("ONE.zone", &text(2, 1))]);
    let report = bench.apply(GROUP, false);
    assert_eq!(bench.served("one"), Some(1));
    let (read, left) = (bench.file("one.zone"), bench.file("ONE.zone"));
    let told = format!(
        "{} is not read: it would be this zone, too, which is read from {}",
        left.display(),
        read.display()
    );
    assert_eq!(bench.status("one").all_errors(), [told.as_str()]);
    assert_eq!((report.loaded, report.refused), (1, vec![(name("one"), told)]));
    // With the reason it goes.
    fs::remove_file(left).unwrap();
    assert!(bench.apply(GROUP, false).refused.is_empty());
    assert!(bench.status("one").all_errors().is_empty());
}

#[test]
fn a_table_has_its_zone_before_any_file_of_a_group() {
    let mut bench = Bench::new(&[("net", &text(1, 1)), ("net.zone", &text(2, 1)), ("a.zone", &text(3, 1))]);
    let report = bench.apply(&format!("{GROUP}{NET}"), false);
    assert_eq!(report.loaded, 2);
    assert_eq!((bench.served("net"), bench.served("a")), (Some(1), Some(3)));
    assert_eq!(bench.rivals("net"), [bench.file("net.zone")]);
    // The same file by both ways is no other file.
    let table = "[zone.\"a\".primary]\nfile = \"zones/a.zone\"\n";
    bench.apply(&format!("{GROUP}{table}"), false);
    assert!(bench.rivals("a").is_empty());
}

#[test]
fn a_second_file_that_turns_up_changes_nothing_but_is_told() {
    let mut bench = Bench::new(&[("ONE.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    let second = bench.file("one.zone");
    fs::write(&second, text(2, 1)).unwrap();
    bench.until("the second file to be told", |bench| !bench.rivals("one").is_empty());
    assert_eq!(bench.rivals("one"), std::slice::from_ref(&second));
    // It is the one in small letters, but the other is served.
    bench.apply(GROUP, false);
    assert_eq!((bench.served("one"), bench.rivals("one").len()), (Some(1), 1));
    fs::remove_file(&second).unwrap();
    bench.until("the second file to be forgotten", |bench| {
        bench.rivals("one").is_empty()
    });
    // The same without events.
    fs::write(&second, text(2, 1)).unwrap();
    bench.keeper.sweep(Instant::now());
    assert_eq!(bench.rivals("one"), std::slice::from_ref(&second));
    fs::remove_file(&second).unwrap();
    bench.keeper.sweep(Instant::now());
    assert!(bench.rivals("one").is_empty());
}

#[test]
fn a_folder_that_is_not_there_yet_is_served_once_it_is() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    let late = "[zones.late.primary]\nfiles = \"mounted/late/*.zone\"\n";
    let report = bench.apply(&format!("{GROUP}{late}"), false);
    assert_eq!((report.loaded, report.unlisted.len()), (1, 1));
    assert!(report.unlisted[0].starts_with("group late: "), "{:?}", report.unlisted);
    assert_eq!(bench.board.unlisted(), report.unlisted);
    assert_eq!(bench.served("a"), Some(1));
    let folder = bench.dir.path().join("mounted/late");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("b.zone"), text(2, 1)).unwrap();
    bench.keeper.sweep(Instant::now());
    bench.quiet();
    assert_eq!(bench.served("b"), Some(2));
    assert!(bench.board.unlisted().is_empty());
    // From here on by events.
    replace(&folder.join("c.zone"), &text(3, 1));
    bench.after_edit("c");
    assert_eq!(bench.served("c"), Some(3));
    assert!(bench.apply(&format!("{GROUP}{late}"), false).unlisted.is_empty());
}

#[test]
fn a_folder_that_can_not_be_listed_costs_no_zone_even_when_losses_are_accepted() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1)), ("b.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    let (folder, away) = (bench.dir.path().join("zones"), bench.dir.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    let report = bench.apply(GROUP, true);
    assert!(report.removed.is_empty());
    assert_eq!(report.unlisted.len(), 1);
    assert_eq!((bench.served("a"), bench.served("b")), (Some(1), Some(1)));
    fs::rename(&away, &folder).unwrap();
    fs::remove_file(bench.file("a.zone")).unwrap();
    assert_eq!(bench.apply(GROUP, true).removed, [name("a")]);
}

#[test]
fn a_file_that_can_not_be_looked_at_is_not_gone() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    // A link to itself stands for all that stat(2) fails at.
    fs::remove_file(bench.file("a.zone")).unwrap();
    std::os::unix::fs::symlink("a.zone", bench.file("a.zone")).unwrap();
    let report = bench.apply(GROUP, true);
    assert!(report.removed.is_empty());
    assert_eq!((report.refused.len(), bench.served("a")), (1, Some(1)));
    assert!(matches!(
        bench.keeper.reload(&name("a"), true),
        Some(LoadOutcome::Failed(_))
    ));
}

#[test]
fn a_zone_whose_file_was_there_for_a_moment_goes_with_it() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::write(bench.file("b.part.zone"), text(1, 1)).unwrap();
    bench.after_edit("b.part");
    assert_eq!(bench.served("b.part"), Some(1));
    fs::rename(bench.file("b.part.zone"), bench.file("b.zone")).unwrap();
    bench.after_edit("b.part");
    assert!(bench.board.zone(&name("b.part")).is_none());
    let serving = bench.shared.serving.load();
    let zones = serving.views.outside().zones();
    assert_eq!(zones.number(name("b.part").name.as_name_ref()), None);
}

#[test]
fn a_zone_that_a_reload_has_listed_does_not_go_by_itself() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::write(bench.file("b.zone"), text(1, 1)).unwrap();
    bench.after_edit("b");
    bench.apply(GROUP, false);
    fs::remove_file(bench.file("b.zone")).unwrap();
    bench.after_edit("b");
    assert_eq!(bench.served("b"), Some(1));
}

#[test]
fn a_zone_that_was_there_for_long_does_not_go_by_itself() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    bench.apply(GROUP, false);
    fs::write(bench.file("b.zone"), text(1, 1)).unwrap();
    bench.after_edit("b");
    fs::remove_file(bench.file("b.zone")).unwrap();
    let later = Instant::now() + Duration::from_secs(600);
    bench.keeper.sweep(later);
    bench.keeper.load_due(later + PATIENCE);
    assert_eq!(bench.served("b"), Some(1));
    assert!(bench.status("b").file_is_gone);
}
