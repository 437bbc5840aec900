use proptest::prelude::*;

use super::*;
use crate::name::Name;
use crate::transfer::delta::tests::versions;
use crate::zone::tests::zone;

fn origin() -> Name {
    "zone.test".parse().unwrap()
}

/// A step that changes nothing but the serial.
fn step(from: u32, to: u32) -> Delta {
    let version = |serial| zone("zone.test", &format!("@ SOA ns h {serial} 2 3 4 5"));
    Delta::between(&version(from), &version(to))
}

fn octets_of(entries: &[Entry]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut appender = Appender::create(origin().as_name_ref(), &mut octets);
    for entry in entries {
        appender.append(entry, &mut octets);
    }
    octets
}

fn scan(octets: &[u8]) -> Journal<'_> {
    Journal::scan(octets, origin().as_name_ref()).unwrap()
}

fn entries(journal: &Journal<'_>) -> Vec<Entry> {
    journal.entries().cloned().collect()
}

fn file(serial: u32, state: u8) -> Entry {
    Entry::File {
        serial: Serial(serial),
        state: [state; 16],
    }
}

#[test]
fn the_last_state_of_the_zones_file_counts() {
    let octets = octets_of(&[file(1, 7), file(3, 7), file(2, 8)]);
    assert_eq!(scan(&octets).file_state(), Some((Serial(2), [8; 16])));
    assert_eq!(scan(&octets_of(&[])).file_state(), None);
}

#[test]
fn a_journal_of_another_zone_or_version_or_none_is_told() {
    let octets = octets_of(&[]);
    let other: Name = "other.test".parse().unwrap();
    let error = |octets: &[u8]| Journal::scan(octets, origin().as_name_ref()).err();
    assert_eq!(
        Journal::scan(&octets, other.as_name_ref()).err(),
        Some(JournalError::OtherZone(origin()))
    );
    let mut later = octets.clone();
    later[9] = 2;
    assert_eq!(error(&later), Some(JournalError::OtherVersion(2)));
    for cut in 0..octets.len() {
        assert_eq!(error(&octets[..cut]), Some(JournalError::NotAJournal), "{cut}");
    }
    // A step of another zone is written whole, and none of ours.
    let mut octets = octets;
    let at = octets.len();
    let version = |serial| zone("other.test", &format!("@ SOA ns h {serial} 2 3 4 5"));
    let foreign = Delta::between(&version(1), &version(2));
    scan(&octets.clone()).appender().step(&foreign, &mut octets);
    assert_eq!(error(&octets), Some(JournalError::UnknownEntry { at }));
}

#[test]
fn an_entry_of_an_earlier_journal_in_the_same_place_is_none() {
    let old = octets_of(&[file(1, 1), file(2, 2), file(3, 3)]);
    let new = octets_of(&[file(9, 9)]);
    let mut octets = old;
    octets[..new.len()].copy_from_slice(&new);
    let journal = scan(&octets);
    assert_eq!(entries(&journal), [file(9, 9)]);
    assert_eq!((journal.intact_bytes(), journal.is_torn()), (new.len(), true));
}

#[test]
fn a_journal_is_shortened_by_its_oldest_entries() {
    let all = [
        file(1, 1),
        Entry::Step(step(1, 2)),
        Entry::Step(step(2, 3)),
        Entry::Step(step(3, 4)),
    ];
    let octets = octets_of(&all);
    let (header, step_bytes) = (octets_of(&[]).len(), octets_of(&all[1..2]).len() - octets_of(&[]).len());
    let file_bytes = octets_of(&all[..1]).len() - header;
    for (steps, bytes) in [
        (3, octets.len()),
        (2, octets.len() - 1),
        (1, header + file_bytes + step_bytes),
        (0, 0),
    ] {
        let (short, mut appender) = scan(&octets).shortened(bytes, None);
        let expected = [&all[..1], &all[4 - steps..]].concat();
        assert_eq!(entries(&scan(&short)), expected, "{bytes}");
        let mut more = short;
        appender.append(&file(5, 5), &mut more);
        assert_eq!(scan(&more).entries().next_back(), Some(&file(5, 5)));
    }
}

#[test]
fn what_nothing_else_on_disk_has_is_not_dropped() {
    let all = [
        Entry::Step(step(1, 2)),
        file(2, 2),
        Entry::Reused(Serial(1)),
        Entry::Step(step(2, 3)),
        Entry::Step(step(3, 4)),
    ];
    let octets = octets_of(&all);
    let kept = |needed: u32| entries(&scan(&scan(&octets).shortened(0, Some(Serial(needed))).0));
    assert_eq!(kept(2), all[1..]);
    assert_eq!(kept(3), [&all[1..3], &all[4..]].concat());
    assert_eq!(kept(4), all[1..3]);
    assert_eq!(scan(&octets).reused(), Some(Serial(1)));
}

#[test]
fn an_entry_of_another_kind_is_not_cut_off() {
    let mut octets = Vec::new();
    let mut appender = Appender::create(origin().as_name_ref(), &mut octets);
    appender.step(&step(1, 2), &mut octets);
    let at = octets.len();
    appender.entry(99, &mut octets, |out| out.push(7));
    let error = Journal::scan(&octets, origin().as_name_ref()).unwrap_err();
    assert_eq!(error, JournalError::UnknownEntry { at });
}

fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    versions(4).prop_map(|versions| {
        let step = |pair: &[crate::zone::Zone]| Entry::Step(Delta::between(&pair[0], &pair[1]));
        let steps = versions.windows(2).map(step);
        steps.flat_map(|step| [file(1, 1), step]).collect()
    })
}

proptest! {
    #[test]
    fn what_is_left_after_a_cut_is_the_entries_before_it(written in any_entries(), cut in any::<prop::sample::Index>()) {
        let octets = octets_of(&written);
        prop_assert_eq!(entries(&scan(&octets)), written.clone());
        let header = octets_of(&[]).len();
        let cut = header + cut.index(octets.len() - header);
        let journal = scan(&octets[..cut]);
        let left = entries(&journal);
        prop_assert!(left.len() < written.len() && left == written[..left.len()]);
        prop_assert!(octets_of(&written[..=left.len()]).len() > cut);
        // What is appended where it was cut is read again.
        let mut again = octets[..journal.intact_bytes()].to_vec();
        journal.appender().append(&file(9, 9), &mut again);
        prop_assert_eq!(entries(&scan(&again)), [&left[..], &[file(9, 9)]].concat());
    }

    #[test]
    fn a_changed_octet_ends_the_journal_in_front_of_its_entry(written in any_entries(), at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut octets = octets_of(&written);
        let header = octets_of(&[]).len();
        let at = at.index(octets.len());
        octets[at] ^= change;
        match Journal::scan(&octets, origin().as_name_ref()) {
            Ok(journal) => {
                // The case of the zone's name is not looked at, but it is under the checksum.
                prop_assert!(at >= header);
                let left = entries(&journal);
                prop_assert!(left.len() < written.len() && left == written[..left.len()]);
                prop_assert!(journal.intact_bytes() <= at);
            }
            Err(_) => prop_assert!(at < header),
        }
    }

    #[test]
    fn any_octets_are_a_journal_or_none(octets in prop::collection::vec(any::<u8>(), 0..300), keep in 0..60_usize) {
        let good = octets_of(&[file(1, 1)]);
        let octets = [&good[..keep.min(good.len())], &octets].concat();
        if let Ok(journal) = Journal::scan(&octets, origin().as_name_ref()) {
            prop_assert!(journal.intact_bytes() <= octets.len());
        }
    }
}
