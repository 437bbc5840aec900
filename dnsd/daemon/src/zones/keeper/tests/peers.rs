//! The promises about zones that have primaries beside this one: what a peer sends is in the file, and nobody's work is lost.

use dnsd_core::serial::Serial;
use dnsd_core::transfer::{Delta, Received};
use tokio::sync::mpsc::unbounded_channel;

use super::super::super::test_zone::compiled;
use super::*;

const PEER: &str =
    "[zone.\"net\".primary]\nfile = \"zones/net\"\nprimaries = [\"192.0.2.53\"]\nallow-transfer = [\"any\"]\n";

fn whole(text: &str) -> Received {
    Received::Zone(Box::new(compiled("net", text)))
}

fn step(from: &str, to: &str) -> Received {
    Received::Steps(vec![Delta::between(&zone("net", from), &zone("net", to))])
}

fn bench() -> Bench {
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(PEER, false);
    bench
}

impl Bench {
    fn comes_from_peer(&mut self, received: Received) -> Result<u32, NotTaken> {
        let taken = self.keeper.take_transferred(&name("net"), received, false);
        self.keeper.watch_loaded(Instant::now());
        taken.map(|zone| zone.serial().0)
    }

    fn replaced(&self) -> Option<String> {
        fs::read_to_string(last_good::folder(self.dir.path()).join("net.replaced")).ok()
    }

    fn of_file(&self) -> Zone {
        zone("net", &fs::read_to_string(self.file("net")).unwrap())
    }
}

#[test]
fn a_peers_version_is_served_told_in_the_file_and_a_step() {
    let mut bench = bench();
    let (listener, mut changes) = unbounded_channel();
    assert!(bench.keeper.handle(Input::Listen(listener)).is_continue());
    assert_eq!(bench.comes_from_peer(whole(&text(2, 3))).unwrap(), 2);
    assert_eq!(bench.comes_from_peer(step(&text(2, 3), &text(3, 4))).unwrap(), 3);
    assert_eq!(bench.served("net"), Some(3));
    assert!(is_same(&bench.of_file(), &zone("net", &text(3, 4))));
    let told = [changes.try_recv().unwrap(), changes.try_recv().unwrap()];
    assert_eq!(told.map(|told| told.zone.serial().0), [2, 3]);
    let history = bench.keeper.entries[&name("net")].info.history.load_full();
    assert_eq!(history.since(Serial(1), Serial(3)).unwrap().len(), 2);
    // Nothing went that isn't in the new versions.
    assert_eq!(bench.replaced(), None);
    // The file that was written is seen to have changed, and is the version that is served.
    let served = bench.keeper.entries[&name("net")].served.clone().unwrap();
    bench.after_edit("net");
    let again = bench.keeper.entries[&name("net")].served.clone().unwrap();
    assert!(Arc::ptr_eq(&served, &again));
}

#[test]
fn a_version_that_a_peers_gives_way_to_is_kept() {
    let mut bench = bench();
    bench.comes_from_peer(whole(&text(2, 1))).unwrap();
    assert!(bench.replaced().unwrap().contains("h1.net. 60 IN A 192.0.2.1\n"));
    // Steps lead on from a version that the peer had, too.
    bench.comes_from_peer(step(&text(2, 1), &text(3, 0))).unwrap();
    assert!(bench.replaced().unwrap().contains("h1.net."));
}

#[test]
fn a_file_that_was_edited_meanwhile_is_not_written_over() {
    let mut bench = bench();
    replace(&bench.file("net"), &text(2, 7));
    let refused = bench.comes_from_peer(whole(&text(5, 1))).unwrap_err();
    assert!(refused.to_string().contains("not written over"), "{refused}");
    assert_eq!(bench.served("net"), Some(1));
    bench.after_edit("net");
    assert_eq!((bench.served("net"), bench.status("net").records), (Some(2), 9));
    // It is loaded, and gives way now.
    assert_eq!(bench.comes_from_peer(whole(&text(5, 1))).unwrap(), 5);
    assert!(bench.replaced().unwrap().contains("h6.net."));
}

#[test]
fn an_edit_that_was_found_by_looking_is_not_written_over_while_it_waits() {
    let mut bench = bench();
    bench.keeper.watcher.forget(&Key::Zone(name("net")));
    replace(&bench.file("net"), &text(2, 7));
    bench.keeper.sweep(Instant::now());
    let due = bench.keeper.debounce.next_due_at();
    bench.comes_from_peer(whole(&text(5, 1))).unwrap_err();
    // Each look finds it again, and only the first puts it off.
    bench.keeper.sweep(Instant::now());
    assert_eq!(bench.keeper.debounce.next_due_at(), due);
    bench.quiet();
    assert_eq!((bench.served("net"), bench.status("net").records), (Some(2), 9));
    assert_eq!(bench.comes_from_peer(whole(&text(5, 1))).unwrap(), 5);
}

#[test]
fn a_file_with_errors_is_left_to_its_editor() {
    let mut bench = bench();
    replace(&bench.file("net"), "nonsense\n");
    bench.after_edit("net");
    bench.comes_from_peer(whole(&text(5, 1))).unwrap_err();
    assert_eq!(fs::read_to_string(bench.file("net")).unwrap(), "nonsense\n");
    assert_eq!(bench.served("net"), Some(1));
}

#[test]
fn a_zone_without_a_file_comes_from_its_peer() {
    let mut bench = Bench::new(&[]);
    bench.apply(PEER, false);
    assert_eq!(bench.served("net"), None);
    assert_eq!(bench.comes_from_peer(whole(&text(5, 1))).unwrap(), 5);
    assert_eq!(bench.of_file().serial(), Serial(5));
    assert_eq!(bench.status("net").errors, Vec::<String>::new());
}

#[test]
fn a_peers_version_is_there_after_a_restart_and_its_steps_go_on() {
    let mut bench = bench();
    bench.comes_from_peer(whole(&text(2, 3))).unwrap();
    let Bench { dir, keeper, .. } = bench;
    drop(keeper);
    let mut bench = Bench::within(dir, &[]);
    bench.apply(PEER, false);
    assert_eq!(bench.served("net"), Some(2));
    bench.comes_from_peer(step(&text(2, 3), &text(3, 4))).unwrap();
    let history = bench.keeper.entries[&name("net")].info.history.load_full();
    assert_eq!(history.since(Serial(1), Serial(3)).unwrap().len(), 2);
}

#[test]
fn a_version_that_loses_most_of_the_zone_is_taken_when_that_is_asked_for() {
    let mut bench = Bench::new(&[("net", &text(1, 200))]);
    bench.apply(PEER, false);
    let held = bench.comes_from_peer(whole(&text(2, 2))).unwrap_err();
    assert!(held.to_string().contains("`dnsd retransfer net.`"), "{held}");
    assert_eq!((bench.served("net"), bench.of_file().serial()), (Some(1), Serial(1)));
    let received = whole(&text(2, 2));
    let taken = bench.keeper.take_transferred(&name("net"), received, true);
    assert_eq!(taken.unwrap().serial(), Serial(2));
}

#[test]
fn a_version_that_no_file_may_hold_is_not_taken() {
    let mut bench = bench();
    let lame = text(2, 2).replace("@ NS ns.other.", "@ NS ns");
    for received in [whole(&lame), step(&text(1, 2), &lame)] {
        let refused = bench.comes_from_peer(received).unwrap_err();
        assert!(refused.to_string().contains("has no address"), "{refused}");
    }
    // Not for what its last step has left alone either.
    let broken = text(2, 2) + "w CNAME h0\nw TXT x\n";
    let steps = [
        (text(1, 2), broken.clone()),
        (broken.clone(), broken.replace("h 2 1", "h 3 1") + "h9 A 192.0.2.1\n"),
    ];
    let steps = steps.map(|(from, to)| Delta::between(&zone("net", &from), &zone("net", &to)));
    let refused = bench.comes_from_peer(Received::Steps(steps.into())).unwrap_err();
    assert!(refused.to_string().contains("CNAME"), "{refused}");
    assert_eq!(bench.of_file().serial(), Serial(1));
}

#[test]
fn steps_that_do_not_fit_leave_zone_and_file_as_they_are() {
    let mut bench = bench();
    let misfit = bench.comes_from_peer(step(&text(1, 9), &text(2, 3)));
    assert!(matches!(misfit, Err(NotTaken::Unusable(_))), "{misfit:?}");
    assert_eq!((bench.served("net"), bench.of_file().serial()), (Some(1), Serial(1)));
}

#[test]
fn more_than_the_zone_may_have_is_not_taken_from_a_peer() {
    let mut bench = Bench::new(&[("net", &text(1, 2))]);
    bench.apply(&format!("{PEER}max-records = 5\n"), false);
    assert!(matches!(
        bench.comes_from_peer(whole(&text(2, 9))),
        Err(NotTaken::TooLarge)
    ));
}
