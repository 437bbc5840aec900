//! Journals: what is on a disk may be anything.

use std::sync::LazyLock;

use dnsd_core::name::Name;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{Appender, Delta, Entry, Journal};

static ORIGIN: LazyLock<Name> = LazyLock::new(|| "example".parse().expect("a name"));

/// Any file is a journal as far as it is intact, or none. Of the entries that were written, those are there again that the file
/// was not cut off before; what is appended then, and what is left when it is shortened, are there too.
///
/// The first octet chooses: the rest is the file, or entries, each behind two octets of length, and how much of them is there.
pub fn journal(data: &[u8]) {
    match data {
        [0, file @ ..] => {
            if let Ok(journal) = Journal::scan(file, ORIGIN.as_name_ref()) {
                check(&journal, file);
            }
        }
        [cut, entries @ ..] => write_and_read(usize::from(*cut), entries),
        [] => {}
    }
}

fn write_and_read(cut: usize, entries: &[u8]) {
    let mut file = Vec::new();
    let mut appender = Appender::create(ORIGIN.as_name_ref(), &mut file);
    let mut written = Vec::new();
    let mut ends = Vec::new();
    let mut rest = entries;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (content, behind) = behind.split_at(length);
        let entry = entry_of(content);
        appender.append(&entry, &mut file);
        written.push(entry);
        ends.push(file.len());
        rest = behind;
    }
    // 255 is all of it.
    let front = {
        let mut front = Vec::new();
        Appender::create(ORIGIN.as_name_ref(), &mut front);
        front.len()
    };
    let kept = front + (file.len() - front) * cut / 255;
    let file = &file[..kept];
    let is_of_zone = |entry: &Entry| match entry {
        Entry::Step(step) => step.origin() == *ORIGIN,
        Entry::File { .. } | Entry::Reused(_) => true,
    };
    let whole = ends.iter().filter(|end| **end <= kept).count();
    let scanned = Journal::scan(file, ORIGIN.as_name_ref());
    if !written[..whole].iter().all(is_of_zone) {
        assert!(scanned.is_err(), "a step of another zone");
        return;
    }
    let journal = scanned.expect("what was written is read");
    let steps = written[..whole].iter().filter_map(|entry| match entry {
        Entry::Step(step) => Some(step),
        Entry::File { .. } | Entry::Reused(_) => None,
    });
    assert!(journal.steps().eq(steps));
    check(&journal, file);
}

fn entry_of(content: &[u8]) -> Entry {
    if let Ok(delta) = Delta::decode(content) {
        return Entry::Step(delta);
    }
    let octet = content.first().copied().unwrap_or_default();
    match content.len() % 2 {
        0 => Entry::Reused(Serial(octet.into())),
        _ => Entry::File {
            serial: Serial(octet.into()),
            state: [octet; 16],
        },
    }
}

/// What holds of every journal that is read.
fn check(journal: &Journal<'_>, file: &[u8]) {
    assert_eq!(journal.is_torn(), journal.intact_bytes() < file.len());
    let mut longer = file[..journal.intact_bytes()].to_vec();
    journal.appender().reused(Serial(7), &mut longer);
    let again = Journal::scan(&longer, ORIGIN.as_name_ref()).expect("an entry follows");
    assert_eq!(
        (again.reused(), again.steps().count()),
        (Some(Serial(7)), journal.steps().count())
    );
    for (bytes, needed) in [(0, None), (file.len() / 2, journal.steps().last().map(Delta::from))] {
        let (shorter, _) = journal.shortened(bytes, needed);
        let shorter = Journal::scan(&shorter, ORIGIN.as_name_ref()).expect("a shorter one is one");
        let skipped = journal.steps().count() - shorter.steps().count();
        assert!(shorter.steps().eq(journal.steps().skip(skipped)));
        assert_eq!(
            (shorter.reused(), shorter.file_state()),
            (journal.reused(), journal.file_state())
        );
        assert!(!shorter.is_torn());
    }
}
