//! TAG (RFC 3164 §4.1.3) and what is found in it, in the forms that rsyslog reads: `su:`, `su[123]:`, `%ASA-6-106015:`.

/// The longest tag, without its colon, as in rsyslog: what goes on longer is cut there, and the rest is the message.
const TAG_BYTES_MAX: usize = 510;

/// A tag as written, what is found in it, and the message after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    /// With its `[pid]` and colon.
    pub(super) tag: &'a [u8],
    /// The program's name, as [`programname`] has it.
    pub(super) program: &'a [u8],
    /// The text between the brackets, if there are both of them.
    pub(super) procid: Option<&'a [u8]>,
    /// What follows the tag, its space included.
    pub(super) msg: &'a [u8],
}

/// What a byte means to a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of the program's name.
    Name,
    /// The name ends here and the tag goes on.
    NameEnds,
    /// The tag ends here.
    TagEnds,
}

/// By byte: one look at each says all.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Name; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b':' | b' ' => Class::TagEnds,
            b'[' | b'/' | 0x7f.. | ..b' ' => Class::NameEnds,
            _ => Class::Name,
        };
        byte += 1;
    }
    classes
};

/// Reads a tag, which can be empty: up to the first space, or up to and with the first colon.
#[inline]
pub(super) fn split(bytes: &[u8]) -> Tag<'_> {
    let limit = bytes.len().min(TAG_BYTES_MAX);
    let class = |at: usize| CLASSES[usize::from(bytes[at])];
    let mut program_end = 0;
    while program_end < limit && class(program_end) == Class::Name {
        program_end += 1;
    }
    let mut name = program_end;
    while name < limit && class(name) != Class::TagEnds {
        name += 1;
    }
    let end = name + usize::from(bytes.get(name) == Some(&b':'));
    let (tag, msg) = bytes.split_at(end);
    Tag {
        tag,
        program: &tag[..program_end],
        procid: procid(&tag[program_end..]),
        msg,
    }
}

/// What stands between the first `[` and the next `]`, neither of which can be in a program's name before them.
#[inline]
pub(super) fn procid(rest: &[u8]) -> Option<&[u8]> {
    let open = rest.iter().position(|&byte| byte == b'[')?;
    let inside = &rest[open + 1..];
    let close = inside.iter().position(|&byte| byte == b']')?;
    Some(&inside[..close])
}

/// The name of the program in an APP-NAME: up to the first `[`, `:`, `/` or non-printable byte. So it never has a slash, and
/// `/usr/sbin/cron` has none at all.
#[inline]
pub(super) fn programname(app_name: &[u8]) -> &[u8] {
    // There is no space in it.
    let end = app_name
        .iter()
        .position(|&byte| CLASSES[usize::from(byte)] != Class::Name);
    &app_name[..end.unwrap_or(app_name.len())]
}
