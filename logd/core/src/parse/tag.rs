//! TAG (RFC 3164 §4.1.3) and what is found in it, in the forms that rsyslog reads: `su:`, `su[123]:`, `%ASA-6-106015:`.

/// The longest tag, without its colon, as in rsyslog: what goes on longer is cut there, and the rest is the message.
const TAG_BYTES_MAX: usize = 510;

/// A tag as written, and the message after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    /// With its `[pid]` and colon.
    pub(super) tag: &'a [u8],
    /// The text between the brackets, if there are both of them.
    pub(super) procid: Option<&'a [u8]>,
    /// What follows the tag, its space included.
    pub(super) msg: &'a [u8],
}

/// Reads a tag, which can be empty: up to the first space, or up to and with the first colon.
#[inline]
pub(super) fn split(bytes: &[u8]) -> Tag<'_> {
    let name = bytes
        .iter()
        .take(TAG_BYTES_MAX)
        .position(|byte| matches!(byte, b':' | b' '));
    let name = name.unwrap_or(bytes.len().min(TAG_BYTES_MAX));
    let end = name + usize::from(bytes.get(name) == Some(&b':'));
    let (tag, msg) = bytes.split_at(end);
    Tag {
        tag,
        procid: procid(tag),
        msg,
    }
}

/// What stands between the first `[` and the next `]`.
#[inline]
fn procid(tag: &[u8]) -> Option<&[u8]> {
    let open = tag.iter().position(|&byte| byte == b'[')?;
    let inside = &tag[open + 1..];
    let close = inside.iter().position(|&byte| byte == b']')?;
    Some(&inside[..close])
}

/// The name of the program in a tag or an APP-NAME: up to the first `[`, `:`, `/` or non-printable byte. So it never has a
/// slash, and `/usr/sbin/cron` has none at all.
#[inline]
pub(super) fn programname(tag: &[u8]) -> &[u8] {
    let end = tag
        .iter()
        .position(|byte| matches!(byte, b'[' | b':' | b'/' | 0x7f.. | ..b' '));
    &tag[..end.unwrap_or(tag.len())]
}
