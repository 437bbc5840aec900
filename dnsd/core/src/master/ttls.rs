//! How long a record may be cached: its own TTL, `$TTL`'s, or that of the record before.

use super::error::MasterWarningKind;

/// The most seconds that a TTL can have (RFC 2181 §8).
const TTL_MAX: u32 = i32::MAX as u32;

/// Where a record's TTL comes from when it has none of its own.
#[derive(Clone, Default)]
pub(super) struct Ttls {
    /// `$TTL` (RFC 2308 §4), or the SOA's minimum.
    default: Option<u32>,
    /// The last one written (RFC 1035 §5.1).
    last: Option<u32>,
    warned: bool,
}

impl Ttls {
    /// Takes the period of a `$TTL`.
    pub(super) fn set_default(&mut self, ttl: u32, odd: &mut Vec<MasterWarningKind>) {
        self.default = Some(cap_ttl(ttl, odd));
    }

    /// The period of the last `$TTL`.
    pub(super) fn of_directive(&self) -> Option<u32> {
        self.default
    }

    /// The same without a record before.
    pub(super) fn without_last(&self) -> Self {
        Self {
            last: None,
            ..self.clone()
        }
    }

    /// Goes on behind lines that were read from [`Self::without_last`] on.
    pub(super) fn go_on(&mut self, behind: &Self) {
        self.default = behind.default;
        self.last = behind.last.or(self.last);
        self.warned |= behind.warned;
    }

    /// Whether [`Ttls::choose`] would find one.
    pub(super) fn has_one(&self, own: Option<u32>) -> bool {
        own.or(self.default).or(self.last).is_some()
    }

    /// A record's TTL: its own, `$TTL`'s, or that of the record before; `None` when there is none yet.
    pub(super) fn choose(&mut self, own: Option<u32>, odd: &mut Vec<MasterWarningKind>) -> Option<u32> {
        if let Some(own) = own {
            let own = cap_ttl(own, odd);
            self.last = Some(own);
            return Some(own);
        }
        if self.default.is_none() && self.last.is_some() && !self.warned {
            self.warned = true;
            odd.push(MasterWarningKind::TtlOfRecordBefore);
        }
        self.default.or(self.last)
    }

    /// The SOA's minimum, which becomes the default: what BIND does with a zone that starts without any TTL.
    pub(super) fn take_minimum(&mut self, soa: &[u8], odd: &mut Vec<MasterWarningKind>) -> u32 {
        odd.push(MasterWarningKind::SoaMinimumAsTtl);
        let minimum = soa.last_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
        let minimum = cap_ttl(minimum, odd);
        self.default = Some(minimum);
        minimum
    }
}

fn cap_ttl(ttl: u32, odd: &mut Vec<MasterWarningKind>) -> u32 {
    if ttl > TTL_MAX {
        odd.push(MasterWarningKind::TtlTooLarge);
        return 0;
    }
    ttl
}
