//! `$GENERATE range owner [ttl] [class] type data`: a record for each number of a range (BIND 9 Administrator Reference
//! Manual, "BIND Primary File Extension: the $GENERATE Directive").
//!
//! In owner and data `$` stands for the number, `$$` and `\$` for a dollar sign, and `${offset,width,base}` for the
//! number plus the offset, filled with zeros to the width, in base `d`, `o`, `x`, `X`, or as the nibbles of a reverse
//! name in `n` or `N`.

use super::error::MasterErrorKind;
use super::head::{Head, next_token};
use crate::lexer::{Cursor, Lexer, Place};
use crate::name::{NameBuf, NameRef};
use crate::rdata::{self, Words};
use crate::rrtype::Class;

/// The longest owner or data that a template may make: room for a name in escapes, or a long TXT record.
const MADE_BYTES_MAX: usize = 4096;

/// A directive at work.
pub(super) struct Generate {
    /// The next number; `None` after the last.
    next: Option<u32>,
    stop: u32,
    step: u32,
    owner_template: Box<[u8]>,
    data_template: Box<[u8]>,
    pub(super) head: Head,
    /// Where the range stands: errors of the records point there.
    pub(super) place: Place,
    /// What the last number made.
    owner: NameBuf,
    text: Vec<u8>,
}

impl Generate {
    pub(super) fn read(lexer: &mut Lexer<'_, '_>, class: Class) -> Result<Self, MasterErrorKind> {
        let (start, stop, step) = parse_range(next_token(lexer)?.text).ok_or(MasterErrorKind::BadRange)?;
        let place = lexer.place();
        let owner_template = next_token(lexer)?.text.into();
        let first = next_token(lexer)?;
        let head = Head::read(first, lexer, class)?;
        let data = next_token(lexer)?;
        let data_template = if data.quoted {
            without_quote_escapes(data.text)
        } else {
            data.text.into()
        };
        let (owner, text) = (NameBuf::root(), Vec::new());
        Ok(Self {
            next: Some(start),
            stop,
            step,
            owner_template,
            data_template,
            head,
            place,
            owner,
            text,
        })
    }

    /// The owner of the record made last.
    pub(super) fn owner(&self) -> NameRef<'_> {
        self.owner.as_name_ref()
    }

    /// The number that is due, or `None` when the range is through.
    pub(super) fn take_value(&mut self) -> Option<u32> {
        let value = self.next?;
        self.next = value.checked_add(self.step).filter(|&next| next <= self.stop);
        Some(value)
    }

    /// Makes the record of one number: the owner stays here, its data goes to `rdata`.
    pub(super) fn make(&mut self, value: u32, origin: NameRef<'_>, rdata: &mut Vec<u8>) -> Result<(), MasterErrorKind> {
        fill(&self.owner_template, value, &mut self.text)?;
        self.owner.set_text(&self.text, Some(origin))?;
        fill(&self.data_template, value, &mut self.text)?;
        let mut cursor = Cursor::START;
        let mut words = Words::new(Lexer::new(&self.text, &mut cursor), Some(origin));
        Ok(rdata::read(self.head.rtype, &mut words, rdata)?)
    }
}

/// Data in quotes is text to be cut into words itself, so its quotes are escaped.
fn without_quote_escapes(text: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        match rest {
            [b'\\', b'"', after @ ..] => {
                out.push(b'"');
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                out.extend([b'\\', *escaped]);
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out.into()
}

/// Reads `start-stop[/step]`. The numbers fit 31 bits, as BIND's do.
fn parse_range(text: &[u8]) -> Option<(u32, u32, u32)> {
    let text = str::from_utf8(text).ok()?;
    let (range, step) = text.split_once('/').unwrap_or((text, "1"));
    let (start, stop) = range.split_once('-')?;
    let (start, stop, step) = (parse_number(start)?, parse_number(stop)?, parse_number(step)?);
    (start <= stop && step > 0).then_some((start, stop, step))
}

fn parse_number(digits: &str) -> Option<u32> {
    // `parse` would take a plus sign.
    let plain = digits.starts_with(|first: char| first.is_ascii_digit());
    digits.parse().ok().filter(|&number| plain && number <= i32::MAX as u32)
}

/// Writes `template` with `value` in its places to `out`, which is emptied first.
fn fill(template: &[u8], value: u32, out: &mut Vec<u8>) -> Result<(), MasterErrorKind> {
    out.clear();
    let mut rest = template;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'$', [b'$', after @ ..]) => {
                // The backslash keeps the dollar sign plain for whoever reads the text.
                out.extend(b"\\$");
                rest = after;
            }
            (b'$', [b'{', after @ ..]) => {
                let end = memchr::memchr(b'}', after).ok_or(MasterErrorKind::BadTemplate)?;
                let place = Placeholder::parse(&after[..end]).ok_or(MasterErrorKind::BadTemplate)?;
                place.print(value, out).ok_or(MasterErrorKind::BadTemplate)?;
                rest = &after[end + 1..];
            }
            (b'$', _) => {
                out.extend(value.to_string().bytes());
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                out.extend([b'\\', *escaped]);
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
        if out.len() > MADE_BYTES_MAX {
            return Err(MasterErrorKind::BadTemplate);
        }
    }
    Ok(())
}

/// What stands between the braces.
struct Placeholder {
    offset: i32,
    width: usize,
    base: u8,
}

impl Placeholder {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(text).ok()?.split(',');
        let offset = parts.next()?.parse().ok()?;
        let width = match parts.next() {
            Some(width) => usize::from(width.parse::<u8>().ok()?),
            None => 0,
        };
        let base = match parts.next() {
            Some("d") | None => b'd',
            Some("o") => b'o',
            Some("x") => b'x',
            Some("X") => b'X',
            Some("n") => b'n',
            Some("N") => b'N',
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Self { offset, width, base })
    }

    /// `None` when the sum doesn't fit 32 bits.
    fn print(&self, value: u32, out: &mut Vec<u8>) -> Option<()> {
        let width = self.width;
        let sum = i32::try_from(value).ok()?.checked_add(self.offset)?;
        // Other bases than ten show a negative number's two's complement.
        let bits = sum as u32;
        let digits = match self.base {
            b'd' => format!("{sum:0width$}"),
            b'o' => format!("{bits:0width$o}"),
            b'x' => format!("{bits:0width$x}"),
            b'X' => format!("{bits:0width$X}"),
            b'n' => nibbles(bits, width),
            _ => nibbles(bits, width).to_ascii_uppercase(),
        };
        out.extend(digits.bytes());
        Some(())
    }
}

/// Hexadecimal digits from the lowest up with dots between, at least `width` characters, dots counted.
fn nibbles(bits: u32, width: usize) -> String {
    let mut text = String::new();
    let mut rest = bits;
    loop {
        text.extend(char::from_digit(rest & 0x0f, 16));
        rest >>= 4;
        if rest == 0 && text.len() >= width {
            return text;
        }
        text.push('.');
        if rest == 0 && text.len() >= width {
            return text;
        }
    }
}
