//! Messages made up from a seed: the same for the same seed, of all shapes of syslog, and some of RFC 3164 with a
//! damaged tag.

/// The messages of a seed, without end.
pub fn messages(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut chance = Chance(seed.max(1));
    std::iter::repeat_with(move || message(&mut chance))
}

/// Marsaglia's xorshift64: enough for test data, and no dependency.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        // The remainder favours small numbers by less than one in 2^50.
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    fn percent(&mut self, chances: usize) -> bool {
        self.below(100) < chances
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

const HOSTS: &[&str] = &[
    "host",
    "web-1",
    "db.example.net",
    "192.0.2.7",
    "a",
    "HOST_7",
    "x1.y2.z3",
];
const TAGS: &[&str] = &[
    "sshd",
    "CRON",
    "postfix/smtpd",
    "kernel",
    "systemd-logind",
    "a",
    "tag.with.dots",
    "pam(unix)",
    "app-2",
    "/usr/bin/x",
    "%LINK-3-UPDOWN",
    "a_tag_of_more_than_thirty_two_bytes_in_all",
];
const WORDS: &[&[u8]] = &[
    b"session",
    b"opened",
    b"root",
    b"192.0.2.1:50022",
    b"key=value",
    b"\"quoted\"",
    b"[12345.678]",
    b"100%",
    b"a:",
    b"<13>",
    b"#011",
    b"\\n",
    b"{\"json\":1}",
    b"\t",
    b"\x1b[0m",
    b"\xc3\xa4",
    b"\xff",
    b"\x00",
    b"\n",
    b"",
    b"-",
];

fn message(chance: &mut Chance) -> Vec<u8> {
    let mut message = pri(chance);
    if chance.percent(30) {
        rfc5424(chance, &mut message);
    } else {
        rfc3164(chance, &mut message);
    }
    message
}

fn pri(chance: &mut Chance) -> Vec<u8> {
    format!("<{}>", chance.below(192)).into_bytes()
}

fn stamp3164(chance: &mut Chance) -> String {
    let month = chance.of(&[
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]);
    let day = 1 + chance.below(28);
    let day = if chance.percent(90) {
        format!("{day:2}")
    } else {
        format!("{day}")
    };
    let [hour, minute, second] = [24, 60, 60].map(|end| chance.below(end));
    format!("{month} {day} {hour:02}:{minute:02}:{second:02}")
}

fn stamp3339(chance: &mut Chance) -> String {
    let year = 1990 + chance.below(60);
    let (month, day) = (1 + chance.below(12), 1 + chance.below(28));
    let [hour, minute, second] = [24, 60, 60].map(|end| chance.below(end));
    // rsyslogd reads at most six digits of a second.
    let fraction: String = match chance.below(7) {
        0 => String::new(),
        digits => std::iter::once('.')
            .chain((0..digits).map(|_| char::from(b'0' + u8::try_from(chance.below(10)).expect("a digit"))))
            .collect(),
    };
    let zone = match chance.below(3) {
        0 => "Z".to_owned(),
        1 => format!("+{:02}:{:02}", chance.below(14), chance.of(&["00", "30", "45"])),
        _ => format!("-{:02}:00", 1 + chance.below(11)),
    };
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
}

fn rfc3164(chance: &mut Chance, message: &mut Vec<u8>) {
    let stamp = if chance.percent(70) {
        stamp3164(chance)
    } else {
        stamp3339(chance)
    };
    message.extend_from_slice(stamp.as_bytes());
    message.push(b' ');
    if chance.percent(90) {
        message.extend_from_slice(chance.of(HOSTS).as_bytes());
        message.push(b' ');
    }
    let tag = message.len();
    message.extend_from_slice(chance.of(TAGS).as_bytes());
    if chance.percent(50) {
        message.extend_from_slice(format!("[{}]", chance.below(99_999)).as_bytes());
    }
    message.extend_from_slice(chance.of(&[":", ": ", " ", ":  "]).as_bytes());
    words(chance, message);
    damage(chance, message, tag);
}

fn rfc5424(chance: &mut Chance, message: &mut Vec<u8>) {
    let stamp = if chance.percent(95) {
        stamp3339(chance)
    } else {
        "-".to_owned()
    };
    let [host, app] = [HOSTS, TAGS].map(|names| if chance.percent(90) { chance.of(names) } else { "-" });
    let process = if chance.percent(50) {
        chance.below(99_999).to_string()
    } else {
        "-".to_owned()
    };
    let id = chance.of(&["-", "ID47", "TCPIN"]);
    message.extend_from_slice(format!("1 {stamp} {host} {app} {process} {id} ").as_bytes());
    match chance.below(3) {
        0 => message.push(b'-'),
        elements => {
            for n in 0..elements {
                let value = chance.of(&["", "1", "a b", "\\\"", "\\]", "\\\\", "=", "[", "\u{e4}", "\u{20ac}"]);
                message.extend_from_slice(format!("[el{n}@32473 k=\"{value}\" l=\"{value}x\"]").as_bytes());
            }
        }
    }
    if chance.percent(90) {
        message.push(b' ');
        if chance.percent(20) {
            message.extend_from_slice("\u{feff}".as_bytes());
        }
        words(chance, message);
    }
}

/// Puts in, replaces or removes a byte in a fifth of the messages, from a position on.
fn damage(chance: &mut Chance, message: &mut Vec<u8>, from: usize) {
    if !chance.percent(20) || from == message.len() {
        return;
    }
    let at = from + chance.below((message.len() - from).min(40));
    let byte = *chance.of(&[
        b"[", b"]", b":", b" ", b"/", b"-", b"\"", b"\\", b"\t", b"\0", b"\x80", b"\xff",
    ]);
    match chance.below(3) {
        0 => message.insert(at, byte[0]),
        1 => message[at] = byte[0],
        _ => drop(message.remove(at)),
    }
}

fn words(chance: &mut Chance, message: &mut Vec<u8>) {
    for n in 0..chance.below(12) {
        if n > 0 {
            message.push(b' ');
        }
        message.extend_from_slice(chance.of(WORDS));
    }
}
