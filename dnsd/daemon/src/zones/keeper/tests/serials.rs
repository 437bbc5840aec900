//! `serial = "auto"`: what is served goes up with every change of the content, and never back.

use super::*;

const AUTO: &str = "[zone.\"net\".primary]\nfile = \"zones/net\"\nserial = \"auto\"\nallow-transfer = [\"any\"]\n";

impl Bench {
    fn save(&mut self, text: &str) -> Option<u32> {
        replace(&self.file("net"), text);
        let outcome = self.keeper.reload(&name("net"), false);
        assert!(matches!(outcome, Some(LoadOutcome::Loaded { .. })), "{outcome:?}");
        self.served("net")
    }
}

fn auto() -> Bench {
    let mut bench = Bench::new(&[("net", &text(5, 1))]);
    bench.apply(AUTO, false);
    bench
}

#[test]
fn a_serial_that_an_edit_did_not_raise_is_raised() {
    let mut bench = auto();
    assert_eq!(bench.served("net"), Some(5));
    assert_eq!(bench.save(&text(5, 2)), Some(6));
    assert_eq!(bench.save(&text(5, 3)), Some(7));
    // Going back is no way to lower it, and one that is raised is taken.
    assert_eq!(bench.save(&text(4, 4)), Some(8));
    assert_eq!(bench.save(&text(20, 4)), Some(20));
    assert!(
        bench.status("net").warnings.is_empty(),
        "{:?}",
        bench.status("net").warnings
    );
}

#[test]
fn content_that_stayed_keeps_its_serial() {
    let mut bench = auto();
    bench.save(&text(5, 2));
    assert_eq!(bench.save(&text(5, 2)), Some(6));
    assert_eq!(bench.save(&text(4, 2)), Some(6));
}

#[test]
fn a_raised_serial_stays_over_a_restart() {
    let mut bench = auto();
    bench.save(&text(5, 2));
    for expected in [6, 7] {
        let Bench { dir, keeper, .. } = bench;
        drop(keeper);
        bench = Bench::within(dir, &[]);
        if expected == 7 {
            fs::write(bench.file("net"), text(5, 3)).unwrap();
        }
        bench.apply(AUTO, false);
        assert_eq!(bench.served("net"), Some(expected));
    }
}

#[test]
fn a_signed_zone_keeps_the_serial_of_its_file() {
    let mut bench = auto();
    let proof = "@ NSEC h0 NS SOA NSEC\n";
    assert_eq!(bench.save(&format!("{}{proof}", text(5, 2))), Some(5));
    assert!(
        bench
            .status("net")
            .warnings
            .iter()
            .any(|warning| warning.contains("didn't go up"))
    );
    assert!(
        bench
            .status("net")
            .warnings
            .iter()
            .any(|warning| warning.contains("raises no serial here"))
    );
}
