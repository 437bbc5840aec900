//! A query between who answers it and who writes it down: the octets that go through a ring.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use dnsd_core::message::{Edns, Flags, Header, Opcode, Request, option};
use dnsd_core::name::NameRef;
use dnsd_core::rrtype::{Class, Type};

/// EDNS Client Subnet (RFC 7871 §6).
const CLIENT_SUBNET: u16 = 8;
/// A family, two prefix lengths and an address: what is longer is malformed and not shown.
const CLIENT_SUBNET_BYTES_MAX: usize = 20;

/// The octets of an entry before those of changing length.
const FIXED_BYTES: usize = 8 + 18 + 16 + 1 + 1 + 4;

/// A query as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query<'q> {
    /// When it was read, in milliseconds since 1970 (UTC).
    pub(crate) time_ms: u64,
    /// Who asked.
    pub(crate) client: SocketAddr,
    /// Which of our addresses was asked.
    pub(crate) local: IpAddr,
    /// Whether over a stream.
    pub(crate) is_tcp: bool,
    /// The RD bit.
    pub(crate) recursion_desired: bool,
    /// The CD bit.
    pub(crate) checking_disabled: bool,
    /// The DO bit.
    pub(crate) dnssec_ok: bool,
    /// The EDNS version, if the query had an OPT record.
    pub(crate) edns_version: Option<u8>,
    /// What of cookies it had.
    pub(crate) cookie: CookieState,
    /// The name, in the case it was asked in.
    pub(crate) qname: NameRef<'q>,
    /// The type.
    pub(crate) qtype: Type,
    /// The class.
    pub(crate) qclass: Class,
    /// The key that it was signed with.
    pub(crate) key: Option<NameRef<'q>>,
    /// The view that it fell to, where there are views.
    pub(crate) view: Option<&'q str>,
    /// The data of the client-subnet option, if it had one.
    pub(crate) client_subnet: Option<&'q [u8]>,
}

/// What a query had of cookies (RFC 7873).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieState {
    /// None, or cookies are not answered.
    Absent,
    /// One that isn't ours: the client's alone, or an old one.
    Sent,
    /// One of ours that is good.
    Good,
}

/// Where the bits of an entry are.
const TCP: u8 = 1;
const RECURSION_DESIRED: u8 = 1 << 1;
const CHECKING_DISABLED: u8 = 1 << 2;
const DNSSEC_OK: u8 = 1 << 3;
const EDNS: u8 = 1 << 4;
const COOKIE_SENT: u8 = 1 << 5;
const COOKIE_GOOD: u8 = 1 << 6;

impl<'q> Query<'q> {
    /// What a message says of itself; who sent it, and how, is for the caller to fill in. `None` for what BIND doesn't log
    /// either: messages that aren't queries, whose question can't be read, or that ask in a way that nobody knows.
    pub(crate) fn of_message(message: &'q [u8], time_ms: u64, client: SocketAddr, local: IpAddr) -> Option<Self> {
        let header = Header::read(message)?;
        if header.flags.opcode() != Opcode::QUERY || header.flags.contains(Flags::QR) {
            return None;
        }
        let request = Request::parse(header, message).ok()?;
        let is_known = matches!(request.question.class, Class::IN | Class::CH)
            && request.edns.is_none_or(|edns| edns.version == 0);
        is_known.then(|| Self::of_request(&request, time_ms, client, local))
    }

    fn of_request(request: &Request<'q>, time_ms: u64, client: SocketAddr, local: IpAddr) -> Self {
        let flags = request.header.flags;
        let option = |edns: Edns<'q>, code| {
            let mut options = edns.options();
            options.find_map(|(known, data)| (known == code).then_some(data))
        };
        let has_cookie = request.edns.and_then(|edns| option(edns, option::COOKIE)).is_some();
        Self {
            time_ms,
            client,
            local,
            is_tcp: false,
            recursion_desired: flags.contains(Flags::RD),
            checking_disabled: flags.contains(Flags::CD),
            dnssec_ok: request.edns.is_some_and(|edns| edns.dnssec_ok),
            edns_version: request.edns.map(|edns| edns.version),
            cookie: if has_cookie {
                CookieState::Sent
            } else {
                CookieState::Absent
            },
            qname: request.question.name,
            qtype: request.question.qtype,
            qclass: request.question.class,
            key: None,
            view: None,
            client_subnet: request
                .edns
                .and_then(|edns| option(edns, CLIENT_SUBNET))
                .filter(|data| data.len() <= CLIENT_SUBNET_BYTES_MAX),
        }
    }

    /// Appends the entry: its length first, then what has a fixed length, then the rest, each with its length.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&[0; 2]);
        to.extend_from_slice(&self.time_ms.to_be_bytes());
        to.extend_from_slice(&octets(self.client.ip()));
        to.extend_from_slice(&self.client.port().to_be_bytes());
        to.extend_from_slice(&octets(self.local));
        to.push(self.bits());
        to.push(self.edns_version.unwrap_or(0));
        to.extend_from_slice(&self.qtype.0.to_be_bytes());
        to.extend_from_slice(&self.qclass.0.to_be_bytes());
        put(to, self.qname.as_wire());
        put(to, self.key.map_or(&[][..], NameRef::as_wire));
        put(to, self.view.map_or(&[][..], str::as_bytes));
        put(to, self.client_subnet.unwrap_or_default());
        // Four parts of at most 255 octets behind the fixed ones.
        let length = (to.len() - start) as u16;
        to[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads the entry at the front of what was encoded, and says what follows it.
    pub(super) fn decode(bytes: &'q [u8]) -> Option<(Self, &'q [u8])> {
        let (length, _) = bytes.split_first_chunk::<2>()?;
        let (entry, following) = bytes.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (fixed, rest) = entry.get(2..)?.split_first_chunk::<FIXED_BYTES>()?;
        let (time, fixed) = fixed.split_first_chunk::<8>()?;
        let (client, fixed) = fixed.split_first_chunk::<16>()?;
        let (port, fixed) = fixed.split_first_chunk::<2>()?;
        let (local, fixed) = fixed.split_first_chunk::<16>()?;
        let [bits, version, qtype @ .., class_high, class_low] = fixed else {
            return None;
        };
        let (qname, rest) = take(rest)?;
        let (key, rest) = take(rest)?;
        let (view, rest) = take(rest)?;
        let (client_subnet, _) = take(rest)?;
        let has = |bit| bits & bit != 0;
        let query = Self {
            time_ms: u64::from_be_bytes(*time),
            client: SocketAddr::new(address(*client), u16::from_be_bytes(*port)),
            local: address(*local),
            is_tcp: has(TCP),
            recursion_desired: has(RECURSION_DESIRED),
            checking_disabled: has(CHECKING_DISABLED),
            dnssec_ok: has(DNSSEC_OK),
            edns_version: has(EDNS).then_some(*version),
            cookie: match (has(COOKIE_SENT), has(COOKIE_GOOD)) {
                (_, true) => CookieState::Good,
                (true, false) => CookieState::Sent,
                (false, false) => CookieState::Absent,
            },
            qname: NameRef::from_wire(qname).ok()?,
            qtype: Type(u16::from_be_bytes(qtype.try_into().ok()?)),
            qclass: Class(u16::from_be_bytes([*class_high, *class_low])),
            key: match key {
                [] => None,
                wire => Some(NameRef::from_wire(wire).ok()?),
            },
            view: match view {
                [] => None,
                name => Some(str::from_utf8(name).ok()?),
            },
            client_subnet: (!client_subnet.is_empty()).then_some(client_subnet),
        };
        Some((query, following))
    }

    fn bits(&self) -> u8 {
        let cookie = match self.cookie {
            CookieState::Absent => 0,
            CookieState::Sent => COOKIE_SENT,
            CookieState::Good => COOKIE_GOOD,
        };
        [
            (self.is_tcp, TCP),
            (self.recursion_desired, RECURSION_DESIRED),
            (self.checking_disabled, CHECKING_DISABLED),
            (self.dnssec_ok, DNSSEC_OK),
            (self.edns_version.is_some(), EDNS),
        ]
        .into_iter()
        .fold(cookie, |bits, (is_set, bit)| bits | if is_set { bit } else { 0 })
    }
}

/// Both families in one form: IPv4 as mapped into IPv6, which no client has as an address of its own.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn address(octets: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
}

/// Names have at most 255 octets (RFC 1035 §2.3.4); a view's name is cut where it is longer.
fn put(to: &mut Vec<u8>, part: &[u8]) {
    let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
    to.push(length);
    to.extend_from_slice(&part[..length.into()]);
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}
