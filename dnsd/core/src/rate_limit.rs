//! Response rate limiting: what keeps the server from being made to flood others, by questions that carry their addresses.
//!
//! The daemon shows each reply to [`RateLimiter::check`] before it sends it. Answers of the same kind and about the same name
//! that go to one network are counted together; past the rate they are dropped, or sent truncated, so that clients that are
//! there come back over TCP, where no address is forged. As in BIND, whose names the settings have.
//!
//! One table serves all threads. The kernel spreads clients over the threads by address and port, and the ports of a flood
//! are forged: with a table for each thread, a rate would hold for one of them and not for the server, or a fraction of it
//! for a client whose port is always the same. Threads only meet in an account when they answer the same network the same,
//! which is when there is a flood.

mod account;
mod bucket;
mod table;

use std::hash::Hasher;
use std::net::IpAddr;

use ipnet::IpNet;
use siphasher::sip::SipHasher13;

use crate::answer::{Client, Reply};
use crate::message::Header;
use account::Tariff;
pub use account::Verdict;
use bucket::{Kind, hash_bucket};
use table::Table;

/// The highest rate that can be set, as in BIND; higher ones limit nothing that attacks.
pub const RATE_MAX: u16 = 1000;
/// The longest window in seconds, as in BIND.
pub const WINDOW_MAX: u16 = 3600;
/// The longest cadence of truncated answers, as in BIND.
pub const SLIP_MAX: u8 = 10;
/// The most accounts that can be had: of 8 bytes each.
pub const TABLE_SIZE_MAX: usize = 1 << 24;

/// Answers a second to one network, by kind; 0: without a limit. At most [`RATE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Positive ones, for each name and type.
    pub responses: u16,
    /// Referrals, for each delegation.
    pub referrals: u16,
    /// About names that don't have what was asked for, for each zone.
    pub nodata: u16,
    /// About names that don't exist, for each zone.
    pub nxdomains: u16,
    /// Errors, together.
    pub errors: u16,
    /// All of these together.
    pub all: u16,
}

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// How much is answered.
    pub rates: Rates,
    /// How many seconds a network that was over the rate has to be below it until it is answered again. 1 to
    /// [`WINDOW_MAX`].
    pub window: u16,
    /// Every n-th answer that is held back is sent truncated: 1 is all of them, 0 none. At most [`SLIP_MAX`].
    pub slip: u8,
    /// How many bits of an IPv4 address make a network.
    pub ipv4_prefix_length: u8,
    /// How many bits of an IPv6 address make a network.
    pub ipv6_prefix_length: u8,
    /// Who is not limited.
    pub exempt: Vec<IpNet>,
    /// How many accounts there are, at most [`TABLE_SIZE_MAX`].
    pub table_size: usize,
}

/// Counts answers, and says which to hold back.
#[derive(Debug)]
pub struct RateLimiter {
    limits: RateLimits,
    /// Keyed, as an attacker who knew which names share an account could have one of his take another's.
    hasher: SipHasher13,
    table: Table,
}

impl RateLimiter {
    /// A limiter with empty accounts. `seed` is random.
    pub fn new(limits: RateLimits, seed: [u8; 16]) -> Self {
        Self {
            table: Table::new(limits.table_size),
            hasher: SipHasher13::new_with_key(&seed),
            limits,
        }
    }

    /// What it was made with.
    pub fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// Counts a reply, which is written in `message`, and says what is to become of it. Over TCP, and with a good cookie, the
    /// client is there (RFC 7873 §5.2.5): nothing is limited.
    pub fn check(&self, client: &Client, reply: &Reply, message: &[u8]) -> Verdict {
        if client.transport.is_connected() || reply.cookie_valid || self.is_exempt(client.address) {
            return Verdict::Send;
        }
        let Some(header) = Header::read(message) else {
            return Verdict::Send;
        };
        let kind = Kind::of(reply, &header);
        let of_all = self.charge(Kind::All, client, reply, message);
        let of_kind = self.charge(kind, client, reply, message);
        match if of_kind == Verdict::Send { of_all } else { of_kind } {
            // An error is as short as it gets: it is let through where another answer would be truncated, as in BIND.
            Verdict::Slip if kind == Kind::Error => Verdict::Send,
            verdict => verdict,
        }
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        self.limits.exempt.iter().any(|network| network.contains(&address))
    }

    fn charge(&self, kind: Kind, client: &Client, reply: &Reply, message: &[u8]) -> Verdict {
        let rates = &self.limits.rates;
        let rate = match kind {
            Kind::Answer => rates.responses,
            Kind::Referral => rates.referrals,
            Kind::NoData => rates.nodata,
            Kind::NxDomain => rates.nxdomains,
            Kind::Error => rates.errors,
            Kind::All => rates.all,
        };
        if rate == 0 {
            return Verdict::Send;
        }
        let tariff = Tariff {
            rate,
            window: self.limits.window,
            slip: self.limits.slip,
        };
        let mut hasher = self.hasher;
        self.hash_network(client.address, &mut hasher);
        hash_bucket(kind, reply, message, &mut hasher);
        self.table.charge(hasher.finish(), tariff, client.now)
    }

    fn hash_network(&self, address: IpAddr, hasher: &mut SipHasher13) {
        match address {
            IpAddr::V4(address) => {
                let host_bits = 32 - u32::from(self.limits.ipv4_prefix_length.min(32));
                hasher.write_u32(address.to_bits().checked_shr(host_bits).unwrap_or(0));
            }
            IpAddr::V6(address) => {
                let host_bits = 128 - u32::from(self.limits.ipv6_prefix_length.min(128));
                hasher.write_u128(address.to_bits().checked_shr(host_bits).unwrap_or(0));
            }
        }
    }
}

#[cfg(test)]
mod tests;
