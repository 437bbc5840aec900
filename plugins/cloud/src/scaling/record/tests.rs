use proptest::prelude::*;

use super::*;

fn lines(path: &Path) -> Vec<String> {
    Record::open(path, BYTES_MAX).unwrap().1
}

#[test]
fn what_was_added_is_there_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scaling/a.jsonl");
    let (mut record, before) = Record::open::<String>(&path, BYTES_MAX).unwrap();
    assert!(before.is_empty());
    record.add(&"one").unwrap();
    record.add(&"two\n").unwrap();
    assert_eq!(lines(&path), ["one", "two\n"]);
}

#[test]
fn a_torn_tail_is_taken_away_and_what_is_no_line_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    fs::write(&path, "\"one\"\n{nonsense\n\"two\"\n\"thr").unwrap();
    let (mut record, before) = Record::open::<String>(&path, BYTES_MAX).unwrap();
    assert_eq!(before, ["one", "two"]);
    record.add(&"three").unwrap();
    assert_eq!(lines(&path), ["one", "two", "three"]);
}

#[test]
fn it_is_bounded_and_the_newest_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    let (mut record, _) = Record::open::<String>(&path, 1000).unwrap();
    let mut has_forgotten = false;
    for number in 0..500 {
        has_forgotten |= record.add(&format!("line {number}")).unwrap();
        assert!(fs::metadata(&path).unwrap().len() <= 1000);
    }
    assert!(has_forgotten);
    let kept = lines(&path);
    assert!(kept.len() >= 30, "{}", kept.len());
    let newest: Vec<String> = (500 - kept.len()..500).map(|number| format!("line {number}")).collect();
    assert_eq!(kept, newest);
    // One that is larger than all that is allowed is written all the same.
    record.add(&"x".repeat(2000)).unwrap();
    assert_eq!(lines(&path).last().unwrap().len(), 2000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_crash_costs_no_more_than_the_line_that_it_cut_off(added in proptest::collection::vec("[a-z\n\"]{0,9}", 1..8), cut in 0usize..100) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        let (mut record, _) = Record::open::<String>(&path, BYTES_MAX).unwrap();
        for line in &added {
            record.add(line).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        let cut = cut.min(whole.len());
        fs::write(&path, &whole[..cut]).unwrap();
        let ended = whole[..cut].iter().filter(|octet| **octet == b'\n').count();
        prop_assert_eq!(&lines(&path)[..], &added[..ended]);
    }
}
