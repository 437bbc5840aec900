//! A frame's header: `TXNR SP COMMAND SP DATALEN`, and a space before the data if there are any.

use super::Violation;

/// Digits of a number.
const DIGITS_MAX: usize = 9;

/// Letters of a command.
const COMMAND_BYTES_MAX: usize = 32;

/// Of the longest header, the space before the data included.
pub(super) const BYTES_MAX: usize = DIGITS_MAX + 1 + COMMAND_BYTES_MAX + 1 + DIGITS_MAX + 1;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) txnr: u64,
    pub(super) command: Command,
    /// How many bytes of data come.
    pub(super) data_bytes: usize,
    /// How many bytes the header has, the space before the data included.
    pub(super) length: usize,
}

/// What a client can want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Open,
    Syslog,
    Close,
    /// Something that a server doesn't do: `rsp` among them.
    Unknown,
}

impl Header {
    /// Reads what `bytes` begin with; `None`: it is not all there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let mut at = 0;
        let Some(txnr) = number(bytes, &mut at, |end| end == b' ')? else {
            return Ok(None);
        };
        let Some(command) = command(bytes, &mut at)? else {
            return Ok(None);
        };
        let Some(data_bytes) = number(bytes, &mut at, |end| matches!(end, b' ' | b'\n'))? else {
            return Ok(None);
        };
        // Without data the line feed follows at once; with data a space does.
        let length = match (data_bytes, bytes[at - 1]) {
            (0, b'\n') => at - 1,
            (1.., b' ') => at,
            _ => return Err(Violation::Header),
        };
        Ok(Some(Self {
            txnr,
            command,
            // Nine digits.
            data_bytes: usize::try_from(data_bytes).map_err(|_| Violation::Header)?,
            length,
        }))
    }
}

/// Reads digits and the byte that ends them.
fn number(bytes: &[u8], at: &mut usize, is_end: impl Fn(u8) -> bool) -> Result<Option<u64>, Violation> {
    let mut value = 0;
    for (count, &byte) in bytes[*at..].iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < DIGITS_MAX => value = value * 10 + u64::from(byte - b'0'),
            end if count > 0 && is_end(end) => {
                *at += count + 1;
                return Ok(Some(value));
            }
            _ => return Err(Violation::Header),
        }
    }
    Ok(None)
}

/// Reads letters and the space that ends them.
fn command(bytes: &[u8], at: &mut usize) -> Result<Option<Command>, Violation> {
    let rest = &bytes[*at..];
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if letters > COMMAND_BYTES_MAX {
        return Err(Violation::Header);
    }
    match rest.get(letters) {
        None => Ok(None),
        Some(b' ') if letters > 0 => {
            *at += letters + 1;
            Ok(Some(match &rest[..letters] {
                b"open" => Command::Open,
                b"syslog" => Command::Syslog,
                b"close" => Command::Close,
                _ => Command::Unknown,
            }))
        }
        Some(_) => Err(Violation::Header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_when_it_is_all_there() {
        for (bytes, txnr, command, data_bytes, length) in [
            (&b"1 open 85 \nrelp"[..], 1, Command::Open, 85, 10),
            (b"2 syslog 3 abc\n", 2, Command::Syslog, 3, 11),
            (b"999999999 close 0\n", 999_999_999, Command::Close, 0, 17),
            (b"0 serverclose 0\n", 0, Command::Unknown, 0, 15),
        ] {
            let header = Header {
                txnr,
                command,
                data_bytes,
                length,
            };
            assert_eq!(Header::read(bytes), Ok(Some(header)));
            let needed = length + usize::from(data_bytes == 0);
            for cut in 0..needed {
                assert_eq!(Header::read(&bytes[..cut]), Ok(None), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_known_for_one_as_soon_as_it_comes() {
        for bytes in [
            &b" "[..],
            b"<13>",
            b"1234567890",
            b"1 \n",
            b"1  ",
            b"1 sys1",
            b"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"1 syslog x",
            b"1 syslog 1234567890",
            b"1 syslog  ",
            b"1 syslog 0 ",
            b"1 syslog 3\n",
            b"\x16\x03\x01",
        ] {
            assert_eq!(Header::read(bytes), Err(Violation::Header), "{}", bytes.escape_ascii());
        }
    }
}
