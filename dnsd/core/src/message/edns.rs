//! The OPT record of EDNS (RFC 6891 §6.1): a record's fields used for other things.

/// What a request's OPT record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns<'m> {
    /// The largest UDP message that the client takes, as it says: no bounds are applied yet.
    pub payload_bytes: u16,
    /// The version; only 0 is defined.
    pub version: u8,
    /// Whether DNSSEC records are wanted (RFC 3225 §3).
    pub dnssec_ok: bool,
    /// The options in wire form, checked to be well-formed; read them with [`Edns::options`].
    options: &'m [u8],
}

/// The DO bit in the OPT record's TTL field.
const DNSSEC_OK: u16 = 0x8000;

impl<'m> Edns<'m> {
    /// Takes an OPT record's class, TTL and data; `None` when the options don't fill the data exactly.
    pub(super) fn read(class: u16, ttl: u32, rdata: &'m [u8]) -> Option<Self> {
        let mut options = Options { rest: rdata };
        while options.next().is_some() {}
        options.rest.is_empty().then_some(Self {
            payload_bytes: class,
            version: (ttl >> 16) as u8,
            dnssec_ok: ttl as u16 & DNSSEC_OK != 0,
            options: rdata,
        })
    }

    /// The options: code and data.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'m [u8])> + use<'m> {
        Options { rest: self.options }
    }
}

struct Options<'m> {
    rest: &'m [u8],
}

impl<'m> Iterator for Options<'m> {
    type Item = (u16, &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (code, rest) = self.rest.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.rest = rest;
        Some((u16::from_be_bytes(*code), data))
    }
}

/// The size in octets of an OPT record without options.
pub(super) const OPT_BYTES: usize = 11;

/// The OPT record of a reply: our payload size, version 0, the DO bit as the client set it (RFC 3225 §3), no options.
pub(super) fn opt_record(payload_bytes: u16, rcode_high: u8, dnssec_ok: bool) -> [u8; OPT_BYTES] {
    let [size_high, size_low] = payload_bytes.to_be_bytes();
    let [flags_high, flags_low] = if dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes();
    [
        0, 0, 41, size_high, size_low, rcode_high, 0, flags_high, flags_low, 0, 0,
    ]
}
