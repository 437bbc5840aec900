//! Escaping for what a line is read by: JSON, CSV, SQL. Each function rewrites the end of a buffer, from `start` on.

/// What every property of a template is escaped for (rsyslog's `option.sql`, `option.stdsql`, `option.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    /// Nothing is.
    #[default]
    None,
    /// `'` and `\` get a backslash, as MySQL reads strings.
    Sql,
    /// `'` is doubled, as standard SQL reads strings.
    StandardSql,
    /// `"` and `\` get a backslash.
    Json,
}

impl Escape {
    pub(super) fn apply(self, out: &mut Vec<u8>, start: usize) {
        match self {
            Self::None => {}
            Self::Sql => rewrite(out, start, |byte, out| match byte {
                b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                _ => out.push(byte),
            }),
            Self::StandardSql => rewrite(out, start, |byte, out| match byte {
                b'\'' => out.extend_from_slice(b"''"),
                _ => out.push(byte),
            }),
            Self::Json => rewrite(out, start, |byte, out| match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                _ => out.push(byte),
            }),
        }
    }
}

/// Replaces each byte from `start` on by what `write` makes of it. The new bytes are written behind the old ones, which
/// then go: the buffer grows for a moment, and nothing else is allocated.
pub(super) fn rewrite(out: &mut Vec<u8>, start: usize, write: impl Fn(u8, &mut Vec<u8>)) {
    let end = out.len();
    for at in start..end {
        write(out[at], out);
    }
    out.drain(start..end);
}

/// A field of RFC 4180, always quoted.
pub(super) fn csv(out: &mut Vec<u8>, start: usize) {
    rewrite(out, start, |byte, out| match byte {
        b'"' => out.extend_from_slice(b"\"\""),
        _ => out.push(byte),
    });
    out.insert(start, b'"');
    out.push(b'"');
}

/// The inside of a JSON string as rsyslog writes it: `/` is escaped, what is not UTF-8 is passed on.
///
/// With `keep_escapes` a backslash that begins one of JSON's escapes is taken for one (rsyslog's `jsonr`).
pub(super) fn json(out: &mut Vec<u8>, start: usize, keep_escapes: bool) {
    if !out[start..]
        .iter()
        .any(|&byte| byte < b' ' || matches!(byte, b'"' | b'/' | b'\\'))
    {
        return;
    }
    let end = out.len();
    let mut at = start;
    while at < end {
        let byte = out[at];
        let next = (at + 1 < end).then(|| out[at + 1]);
        at += 1;
        match next {
            Some(escape @ (b'"' | b'/' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' | b'u'))
                if keep_escapes && byte == b'\\' =>
            {
                out.extend_from_slice(&[byte, escape]);
                at += 1;
            }
            _ if byte == b'/' => out.extend_from_slice(b"\\/"),
            _ => push_json_byte(out, byte),
        }
    }
    out.drain(start..end);
}

/// Bytes of a JSON string, escaped where RFC 8259 §7 wants it.
pub(super) fn push_json_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest
        .iter()
        .position(|&byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        out.extend_from_slice(&rest[..at]);
        push_json_byte(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// One byte of a JSON string, escaped where RFC 8259 §7 wants it.
fn push_json_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let escape = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..b' ' => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            return;
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', escape]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &[u8], apply: impl Fn(&mut Vec<u8>, usize)) -> Vec<u8> {
        let mut out = [b"'\"", text].concat();
        apply(&mut out, 2);
        assert_eq!(&out[..2], b"'\"", "what stands before is left alone");
        out.split_off(2)
    }

    #[test]
    fn template_options_escape_what_their_reader_needs() {
        let text = br#"it's "a\b""#;
        assert_eq!(rewritten(text, |out, at| Escape::None.apply(out, at)), text);
        assert_eq!(
            rewritten(text, |out, at| Escape::Sql.apply(out, at)),
            br#"it\'s "a\\b""#
        );
        assert_eq!(
            rewritten(text, |out, at| Escape::StandardSql.apply(out, at)),
            br#"it''s "a\b""#
        );
        assert_eq!(
            rewritten(text, |out, at| Escape::Json.apply(out, at)),
            br#"it's \"a\\b\""#
        );
    }

    #[test]
    fn json_is_rsyslogs() {
        let text = b"a/\"\\n\\x\x01\n\t\x7f\xff";
        assert_eq!(
            rewritten(text, |out, at| json(out, at, false)),
            b"a\\/\\\"\\\\n\\\\x\\u0001\\n\\t\x7f\xff"
        );
        assert_eq!(
            rewritten(text, |out, at| json(out, at, true)),
            b"a\\/\\\"\\n\\\\x\\u0001\\n\\t\x7f\xff"
        );
        assert_eq!(rewritten(b"\\", |out, at| json(out, at, true)), b"\\\\");
    }

    #[test]
    fn csv_is_quoted_and_quotes_are_doubled() {
        assert_eq!(rewritten(b"a\"b", csv), b"\"a\"\"b\"");
        assert_eq!(rewritten(b"", csv), b"\"\"");
    }
}
