//! Edits as steps of incremental transfers.

use dnsd_core::serial::Serial;

use super::*;

const OPEN: &str = "[zone.\"net\".primary]\nfile = \"zones/net\"\nallow-transfer = [\"any\"]\n";

impl Bench {
    /// The versions that the steps lead to, from this one to the served one; `None` when they don't.
    fn steps_since(&self, serial: u32) -> Option<Vec<u32>> {
        let entry = &self.keeper.entries[&name("net")];
        let served = entry.served.as_ref().unwrap().serial();
        let history = entry.info.history.load();
        let steps = history.since(Serial(serial), served)?;
        Some(steps.iter().map(|step| step.to().0).collect())
    }

    /// Saves this text as the file of `net`, and loads it.
    fn edit(&mut self, text: &str) {
        replace(&self.file("net"), text);
        let outcome = self.keeper.reload(&name("net"), true);
        assert!(matches!(outcome, Some(LoadOutcome::Loaded { .. })), "{outcome:?}");
    }

    fn start_anew(self, config: &str) -> Self {
        let Self { dir, keeper, .. } = self;
        drop(keeper);
        let mut bench = Self::within(dir, &[]);
        bench.apply(config, false);
        bench
    }
}

fn edited_twice() -> Bench {
    let mut bench = Bench::new(&[("net", &text(1, 1))]);
    bench.apply(OPEN, false);
    bench.edit(&text(2, 2));
    bench.edit(&text(5, 3));
    bench
}

#[test]
fn each_edit_is_a_step() {
    let bench = edited_twice();
    assert_eq!(
        (bench.steps_since(1), bench.steps_since(2)),
        (Some(vec![2, 5]), Some(vec![5]))
    );
    assert_eq!(bench.steps_since(3), None);
}

#[test]
fn the_steps_are_there_after_a_restart() {
    let bench = edited_twice().start_anew(OPEN);
    assert_eq!(bench.steps_since(1), Some(vec![2, 5]));
}

#[test]
fn an_edit_while_the_daemon_was_down_is_a_step_too() {
    let bench = edited_twice();
    let Bench { dir, keeper, .. } = bench;
    drop(keeper);
    let mut bench = Bench::within(dir, &[("net", &text(6, 4))]);
    bench.apply(OPEN, false);
    assert_eq!(bench.steps_since(1), Some(vec![2, 5, 6]));
}

#[test]
fn content_that_changed_under_its_serial_drops_the_steps() {
    let mut bench = edited_twice();
    bench.edit(&text(5, 9));
    assert_eq!((bench.steps_since(1), bench.steps_since(2)), (None, None));
    bench.edit(&text(6, 10));
    // Who has the first content of serial 5 is not told what leads on from the second.
    assert_eq!((bench.steps_since(5), bench.steps_since(2)), (None, None));
    let mut bench = bench.start_anew(OPEN);
    assert_eq!((bench.steps_since(5), bench.steps_since(2)), (None, None));
    bench.edit(&text(7, 11));
    assert_eq!((bench.steps_since(5), bench.steps_since(6)), (None, Some(vec![7])));
}

#[test]
fn a_serial_that_went_back_is_told_to_nobody_until_it_is_past_all_that_were_used() {
    let mut bench = edited_twice();
    for (serial, hosts) in [(3, 4), (5, 5), (6, 6)] {
        bench.edit(&text(serial, hosts));
        assert!((1..serial).all(|old| bench.steps_since(old).is_none()), "{serial}");
    }
    bench.edit(&text(7, 7));
    assert_eq!((bench.steps_since(5), bench.steps_since(6)), (None, Some(vec![7])));
}

#[test]
fn a_zone_that_nobody_may_transfer_has_no_steps() {
    let mut bench = edited_twice();
    bench.apply(NET, false);
    bench.edit(&text(6, 4));
    assert_eq!(bench.steps_since(5), None);
    assert!(!last_good::folder(bench.dir.path()).join("net.journal").exists());
}
