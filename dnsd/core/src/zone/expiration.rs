//! Which of a zone's signatures expires first (RFC 4034 §3.1.5).

use super::Zone;
use crate::name::NameRef;
use crate::rrtype::Type;

/// Where the expiration stands in a signature's data (RFC 4034 §3.1): behind the type covered, the algorithm, the number of labels
/// and the original TTL.
const EXPIRATION_AT: usize = 8;

/// The signature that expires first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiration<'z> {
    /// Seconds from now on; of one that has expired less than 0.
    pub seconds_left: i32,
    /// Whose records it is about.
    pub owner: NameRef<'z>,
    /// Of which type.
    pub covers: Type,
}

impl Zone {
    /// The signature that expires first, or has; `None` when the zone has none. `now` are seconds since 1970 modulo 2^32, the
    /// arithmetic is that of serials (RFC 1982). It looks at every signature.
    pub fn first_to_expire(&self, now: u32) -> Option<Expiration<'_>> {
        if !self.has_dnssec() {
            return None;
        }
        let mut first: Option<Expiration<'_>> = None;
        for node in self.nodes() {
            for set in node.sets().filter(|set| set.rtype() == Type::RRSIG) {
                for rdata in set.rdatas() {
                    let expires = rdata.get(EXPIRATION_AT..).and_then(<[u8]>::first_chunk);
                    let Some(expires) = expires.map(|octets| u32::from_be_bytes(*octets)) else {
                        continue;
                    };
                    let seconds_left = expires.wrapping_sub(now).cast_signed();
                    if first.is_none_or(|first| seconds_left < first.seconds_left) {
                        first = Some(Expiration {
                            seconds_left,
                            owner: node.name(),
                            covers: set.covers(),
                        });
                    }
                }
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::zone;
    use crate::rrtype::Type;

    fn left(now: u32, expirations: &[&str]) -> Option<(i32, String, Type)> {
        let mut text = "@ 60 SOA n h 1 1 1 1 1\n@ 60 NS n.other.\n".to_owned();
        for (n, expires) in expirations.iter().enumerate() {
            text += &format!("n{n} 60 A 192.0.2.1\nn{n} 60 RRSIG A 13 2 60 {expires} 1 1 example. AAAA\n");
        }
        let zone = zone("example", &text);
        let first = zone.first_to_expire(now)?;
        Some((first.seconds_left, first.owner.to_string(), first.covers))
    }

    #[test]
    fn rfc4034_3_1_5_the_first_to_expire_is_by_serial_arithmetic() {
        let expected = |seconds: i32, owner: &str| Some((seconds, owner.to_owned(), Type::A));
        assert_eq!(left(1000, &["5000", "3000", "4000"]), expected(2000, "n1.example."));
        assert_eq!(left(3500, &["5000", "3000", "4000"]), expected(-500, "n1.example."));
        // Beyond 2106 the numbers begin anew.
        assert_eq!(
            left(4_294_967_000, &["296", "4294967290"]),
            expected(290, "n1.example.")
        );
        assert_eq!(left(1000, &[]), None);
    }
}
