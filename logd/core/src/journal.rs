//! journald's export format, as `journalctl --output=export` writes it: fields of `NAME=VALUE` and a line feed, or for values with
//! line feeds or other control characters `NAME`, a line feed, the length as 64 bits in little endian, the value and a line
//! feed; an empty line ends an entry.
//!
//! An [`Export`] takes bytes as they come. It keeps the fields that make a syslog message, cut at a limit; an entry can have
//! fields of any size, such as the core of a program.

use crate::pri::Pri;

/// The fields that are asked of journalctl. What it gives anyway are the cursor and the time of receipt.
pub const FIELDS: [&str; 8] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "_COMM",
    "_PID",
    "_SOURCE_REALTIME_TIMESTAMP",
];

/// The longest name that is looked at; those above and the cursor's and the stamp's are shorter.
const NAME_BYTES_MAX: usize = 64;

/// Values other than the text: the longest is the cursor, of some 200 bytes.
const SHORT_VALUE_BYTES_MAX: usize = 512;

/// What is known of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// MESSAGE, up to the limit.
    pub message: Option<Vec<u8>>,
    /// It was longer.
    pub truncated: bool,
    /// Where journalctl goes on after it.
    pub cursor: Vec<u8>,
    priority: Vec<u8>,
    facility: Vec<u8>,
    identifier: Vec<u8>,
    command: Vec<u8>,
    syslog_pid: Vec<u8>,
    pid: Vec<u8>,
    realtime_us: Vec<u8>,
    source_realtime_us: Vec<u8>,
}

impl Entry {
    /// Facility and severity; what is missing is `user` and `notice`, as in rsyslog's imjournal.
    #[must_use]
    pub fn pri(&self) -> Pri {
        let facility = number(&self.facility).filter(|facility| *facility < 24);
        let severity = number(&self.priority).filter(|severity| *severity < 8);
        let facility = facility.unwrap_or(u64::from(Pri::DEFAULT.facility()));
        let severity = severity.unwrap_or(u64::from(Pri::DEFAULT.severity()));
        u8::try_from(facility << 3 | severity)
            .ok()
            .and_then(Pri::new)
            .unwrap_or(Pri::DEFAULT)
    }

    /// `IDENTIFIER[PID]:`, as imjournal makes it: of what the program calls itself, or else of its command; `journal` where there
    /// is neither.
    #[must_use]
    pub fn tag(&self) -> Vec<u8> {
        let name = [&self.identifier, &self.command]
            .into_iter()
            .find(|name| !name.is_empty())
            .map_or(&b"journal"[..], Vec::as_slice);
        let pid = [&self.syslog_pid, &self.pid].into_iter().find(|pid| !pid.is_empty());
        let mut tag = name.to_vec();
        if let Some(pid) = pid {
            tag.push(b'[');
            tag.extend_from_slice(pid);
            tag.push(b']');
        }
        tag.push(b':');
        tag
    }

    /// When it was written, in microseconds since 1970: as its sender says where journald believes it, else when journald got it.
    #[must_use]
    pub fn unix_us(&self) -> Option<u64> {
        number(&self.source_realtime_us).or_else(|| number(&self.realtime_us))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// Reads a stream of entries.
#[derive(Debug)]
pub struct Export {
    message_bytes_max: usize,
    state: State,
    name: Vec<u8>,
    entry: Entry,
    has_fields: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a name.
    Name,
    /// In a value that ends with its line.
    Text,
    /// In the length of a value, of which so many bytes are known.
    Length { known: u8, value: u64 },
    /// In a value, of which so much is left.
    Binary { left: u64 },
    /// Before the line feed after a value.
    End,
}

impl Export {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        Self {
            message_bytes_max,
            state: State::Name,
            name: Vec::new(),
            entry: Entry::default(),
            has_fields: false,
        }
    }

    /// Takes what comes next, and hands over each entry that ends in it.
    pub fn feed(&mut self, mut bytes: &[u8], mut handle: impl FnMut(&Entry)) {
        while !bytes.is_empty() {
            let taken = match self.state {
                State::Name => self.name(bytes, &mut handle),
                State::Text => {
                    let end = memchr::memchr(b'\n', bytes);
                    self.value(&bytes[..end.unwrap_or(bytes.len())]);
                    match end {
                        Some(end) => {
                            self.end_field();
                            end + 1
                        }
                        None => bytes.len(),
                    }
                }
                State::Length { known, value } => {
                    let value = value | u64::from(bytes[0]) << (8 * known);
                    self.state = if known == 7 {
                        State::Binary { left: value }
                    } else {
                        let known = known + 1;
                        State::Length { known, value }
                    };
                    1
                }
                State::Binary { left: 0 } => {
                    self.state = State::End;
                    0
                }
                State::Binary { left } => {
                    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    self.value(&bytes[..here]);
                    self.state = State::Binary {
                        left: left - here as u64,
                    };
                    here
                }
                State::End => {
                    self.end_field();
                    1
                }
            };
            bytes = &bytes[taken..];
        }
    }

    fn name(&mut self, bytes: &[u8], handle: &mut impl FnMut(&Entry)) -> usize {
        let end = memchr::memchr2(b'=', b'\n', bytes);
        let here = &bytes[..end.unwrap_or(bytes.len())];
        let room = (NAME_BYTES_MAX + 1).saturating_sub(self.name.len());
        self.name.extend_from_slice(&here[..here.len().min(room)]);
        let Some(end) = end else { return bytes.len() };
        if bytes[end] == b'=' {
            self.state = State::Text;
        } else if self.name.is_empty() {
            if std::mem::take(&mut self.has_fields) {
                handle(&self.entry);
            }
            self.entry = Entry::default();
        } else {
            self.state = State::Length { known: 0, value: 0 };
        }
        end + 1
    }

    fn value(&mut self, bytes: &[u8]) {
        let entry = &mut self.entry;
        let (field, max) = match &*self.name {
            b"MESSAGE" => (entry.message.get_or_insert_default(), self.message_bytes_max),
            b"PRIORITY" => (&mut entry.priority, SHORT_VALUE_BYTES_MAX),
            b"SYSLOG_FACILITY" => (&mut entry.facility, SHORT_VALUE_BYTES_MAX),
            b"SYSLOG_IDENTIFIER" => (&mut entry.identifier, SHORT_VALUE_BYTES_MAX),
            b"SYSLOG_PID" => (&mut entry.syslog_pid, SHORT_VALUE_BYTES_MAX),
            b"_COMM" => (&mut entry.command, SHORT_VALUE_BYTES_MAX),
            b"_PID" => (&mut entry.pid, SHORT_VALUE_BYTES_MAX),
            b"__REALTIME_TIMESTAMP" => (&mut entry.realtime_us, SHORT_VALUE_BYTES_MAX),
            b"_SOURCE_REALTIME_TIMESTAMP" => (&mut entry.source_realtime_us, SHORT_VALUE_BYTES_MAX),
            b"__CURSOR" => (&mut entry.cursor, SHORT_VALUE_BYTES_MAX),
            _ => return,
        };
        let room = max.saturating_sub(field.len());
        field.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.name == b"MESSAGE" {
            entry.truncated |= bytes.len() > room;
        }
    }

    fn end_field(&mut self) {
        self.has_fields = true;
        self.name.clear();
        self.state = State::Name;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(chunks: &[&[u8]], message_bytes_max: usize) -> Vec<Entry> {
        let mut export = Export::new(message_bytes_max);
        let mut entries = Vec::new();
        for chunk in chunks {
            export.feed(chunk, |entry| entries.push(entry.clone()));
        }
        entries
    }

    const TWO: &[u8] = b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000000001\nPRIORITY=3\nSYSLOG_FACILITY=10\n\
        SYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=77\n_PID=78\n_COMM=ssh\nMESSAGE=a=b text\nCOREDUMP\n\x04\0\0\0\0\0\0\0\n\nA=\n\n\
        __CURSOR=s=1;i=3\n_SOURCE_REALTIME_TIMESTAMP=1600000000000002\n__REALTIME_TIMESTAMP=1\n_COMM=cron\n\
        MESSAGE\n\x08\0\0\0\0\0\0\0two\nline\n\n";

    #[test]
    fn text_and_binary_fields_make_entries() {
        let entries = entries(&[TWO], 100);
        let [first, second] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        assert_eq!(first.message.as_deref(), Some(&b"a=b text"[..]));
        assert_eq!((first.pri().number(), &*first.tag()), (83, &b"sshd[77]:"[..]));
        assert_eq!(
            (&*first.cursor, first.unix_us()),
            (&b"s=1;i=2"[..], Some(1_700_000_000_000_001))
        );
        assert_eq!(second.message.as_deref(), Some(&b"two\nline"[..]));
        assert_eq!((second.pri(), &*second.tag()), (Pri::DEFAULT, &b"cron:"[..]));
        assert_eq!(second.unix_us(), Some(1_600_000_000_000_002));
    }

    #[test]
    fn an_entry_without_anything_known_is_of_the_journal() {
        let entries = entries(&[b"X=1\nPRIORITY=9\nSYSLOG_FACILITY=99\n\n\n\n"], 100);
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].pri(), &*entries[0].tag()), (Pri::DEFAULT, &b"journal:"[..]));
        assert_eq!((&entries[0].message, entries[0].unix_us()), (&None, None));
    }

    #[test]
    fn a_long_message_is_cut_and_marked() {
        for stream in [
            &b"MESSAGE=0123456789\n\n"[..],
            b"MESSAGE\n\x0a\0\0\0\0\0\0\x000123456789\n\n",
        ] {
            let entries = entries(&[stream], 4);
            assert_eq!(
                (entries[0].message.as_deref(), entries[0].truncated),
                (Some(&b"0123"[..]), true)
            );
        }
    }

    proptest! {
        #[test]
        fn entries_don_t_depend_on_how_they_were_read(cuts in prop::collection::vec(0..TWO.len(), 0..10)) {
            let mut cuts = cuts;
            cuts.extend([0, TWO.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &TWO[cut[0]..cut[1]]).collect();
            prop_assert_eq!(entries(&chunks, 100), entries(&[TWO], 100));
        }

        #[test]
        fn no_bytes_panic_or_take_more_than_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for entry in entries(&[&bytes], 10) {
                prop_assert!(entry.message.is_none_or(|message| message.len() <= 10));
            }
        }
    }
}
