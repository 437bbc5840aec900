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
    pub(crate) fn read(class: u16, ttl: u32, rdata: &'m [u8]) -> Option<Self> {
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
pub(crate) const OPT_BYTES: usize = 11;

/// The codes of options (RFC 6891 §6.1.2), of those that are answered.
pub mod option {
    /// The name of the server (RFC 5001).
    pub const NSID: u16 = 3;
    /// A cookie (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// How long a connection may be idle (RFC 7828).
    pub const TCP_KEEPALIVE: u16 = 11;
    /// Octets that mean nothing, so that a message's length says less about it (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Why there is no answer (RFC 8914).
    pub const EXTENDED_ERROR: u16 = 15;
}

/// Why there is no answer, beyond the response code: RFC 8914's codes, of those that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedError(u16);

impl ExtendedError {
    /// The client isn't allowed to ask (RFC 8914 §4.19).
    pub const PROHIBITED: Self = Self(18);
    /// No server that was asked has answered (RFC 8914 §4.23).
    pub const NO_REACHABLE_AUTHORITY: Self = Self(22);
    /// There are no data of a zone that there is to be: none has come, or it has expired (RFC 8914 §4.25).
    pub const INVALID_DATA: Self = Self(24);
}

/// The length of a padded reply is a multiple of this (RFC 8467 §4.1).
const PADDED_BYTES: usize = 468;

/// The options of a reply's OPT record, written in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplyOptions<'o> {
    /// The server's name, in octets that mean nothing to the protocol.
    pub nsid: Option<&'o [u8]>,
    /// The client's cookie and the server's.
    pub cookie: Option<[u8; 24]>,
    /// How long the connection may be idle, in units of 100 milliseconds.
    pub tcp_keepalive: Option<u16>,
    /// Why there is no answer.
    pub extended_error: Option<ExtendedError>,
    /// Octets of padding; known when all else is written.
    pub padding: Option<u16>,
}

/// The OPT record of a reply, version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt<'o> {
    /// The largest UDP message that the server takes.
    pub payload_bytes: u16,
    /// The DO bit, as the client set it (RFC 3225 §3).
    pub dnssec_ok: bool,
    /// The options.
    pub options: ReplyOptions<'o>,
}

impl ReplyOptions<'_> {
    /// Calls `write` with the code and the data of each option.
    fn for_each(&self, mut write: impl FnMut(u16, &[u8])) {
        if let Some(nsid) = self.nsid {
            write(option::NSID, nsid);
        }
        if let Some(cookie) = &self.cookie {
            write(option::COOKIE, cookie);
        }
        if let Some(timeout) = self.tcp_keepalive {
            write(option::TCP_KEEPALIVE, &timeout.to_be_bytes());
        }
        if let Some(error) = self.extended_error {
            // Without a text: the code says it.
            write(option::EXTENDED_ERROR, &error.0.to_be_bytes());
        }
        if let Some(padding) = self.padding {
            write(option::PADDING, &[0; PADDED_BYTES][..padding.into()]);
        }
    }
}

impl Opt<'_> {
    /// Makes the padding, if there is to be any, as long as it takes for a message of so many `other` octets to be as long as
    /// others, but no longer than there is `room` for.
    pub(crate) fn pad(&mut self, other: usize, room: usize) {
        if self.options.padding.is_some() {
            self.options.padding = Some(0);
            let unpadded = other + self.wire_bytes();
            let wanted = unpadded.next_multiple_of(PADDED_BYTES) - unpadded;
            self.options.padding = Some(wanted.min(room) as u16);
        }
    }

    /// The record's size in octets.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        let mut bytes = OPT_BYTES;
        self.options.for_each(|_, data| bytes += 4 + data.len());
        bytes
    }

    /// Writes the record to the front of `to`, which has at least [`Opt::wire_bytes`]. `rcode_high` is the upper eight bits
    /// of the response code.
    pub(crate) fn write(&self, rcode_high: u8, to: &mut [u8]) {
        let [size_high, size_low] = self.payload_bytes.to_be_bytes();
        let [flags_high, flags_low] = if self.dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes();
        let length = ((self.wire_bytes() - OPT_BYTES) as u16).to_be_bytes();
        let head = [
            0, 0, 41, size_high, size_low, rcode_high, 0, flags_high, flags_low, length[0], length[1],
        ];
        to[..OPT_BYTES].copy_from_slice(&head);
        let mut at = OPT_BYTES;
        self.options.for_each(|code, data| {
            to[at..at + 2].copy_from_slice(&code.to_be_bytes());
            to[at + 2..at + 4].copy_from_slice(&(data.len() as u16).to_be_bytes());
            to[at + 4..at + 4 + data.len()].copy_from_slice(data);
            at += 4 + data.len();
        });
    }
}
