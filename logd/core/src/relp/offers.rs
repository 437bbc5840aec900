//! What a client offers in its `open`: lines of `NAME=VALUE,VALUE`.

/// The offers that matter to us; any others are passed over, as librelp does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offers {
    /// `commands` has `syslog` among them.
    pub(super) syslog: bool,
}

/// Offers that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadOffers;

impl Offers {
    /// Reads the data of an `open`.
    pub(super) fn read(data: &[u8]) -> Result<Self, BadOffers> {
        let mut offers = Self { syslog: false };
        for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let equals = line.iter().position(|byte| *byte == b'=');
            let (name, values) = match equals {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &b""[..]),
            };
            let mut values = values.split(|byte| *byte == b',');
            match name {
                // Whatever it is, ours is not greater: there are 0 and 1, and the client takes both.
                b"relp_version" => {
                    let version = values.next().unwrap_or_default();
                    if version.is_empty() || !version.iter().all(u8::is_ascii_digit) {
                        return Err(BadOffers);
                    }
                }
                b"commands" => offers.syslog |= values.any(|value| value == b"syslog"),
                _ => {}
            }
        }
        Ok(offers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offers_of_librelp() {
        let data = b"\nrelp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog";
        assert_eq!(Offers::read(data), Ok(Offers { syslog: true }));
    }

    #[test]
    fn others_are_passed_over_and_a_version_has_digits() {
        assert_eq!(
            Offers::read(b"relp_version=1\nx\ncommands=eventlog,syslog\n"),
            Ok(Offers { syslog: true })
        );
        assert_eq!(
            Offers::read(b"relp_version=1\ncommands=eventlog"),
            Ok(Offers { syslog: false })
        );
        assert_eq!(Offers::read(b""), Ok(Offers { syslog: false }));
        for bad in [&b"relp_version"[..], b"relp_version=", b"relp_version=-1"] {
            assert_eq!(Offers::read(bad), Err(BadOffers));
        }
    }
}
