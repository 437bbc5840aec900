//! Conditions on a message's properties: a rule's `where`.
//!
//! The daemon builds a [`Condition`] from the configuration; [`crate::route`] evaluates it for the messages that the rule's
//! selector lets through. Values are compared as bytes, in the case they are written in, as rsyslog's filters do.

mod why;

use std::net::IpAddr;

use ipnet::IpNet;
use memchr::memmem::Finder;
use regex::bytes::Regex;

pub use why::Unmet;

use crate::template::{Context, Property, PropertyExpr};

/// A condition. Those within `All` and `Any` are evaluated in order, as far as needed.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Every one holds; an empty list does.
    All(Vec<Condition>),
    /// One of them holds; an empty list does not.
    Any(Vec<Condition>),
    /// The other one does not hold.
    Not(Box<Condition>),
    /// A property's value passes a test.
    Test {
        /// The property, with whatever is done to its value first.
        property: PropertyExpr,
        /// What its value is held against.
        test: Test,
    },
}

/// What a property's value is held against.
#[derive(Debug, Clone)]
pub enum Test {
    /// `is`: it is exactly this.
    Is(Box<[u8]>),
    /// `contains`: this stands somewhere in it.
    Contains(Box<Finder<'static>>),
    /// `starts-with`.
    StartsWith(Box<[u8]>),
    /// `ends-with`.
    EndsWith(Box<[u8]>),
    /// `regex`: it matches somewhere. The dialect is the `regex` crate's.
    Regex(Regex),
    /// `in-network`: it is an address in one of these. What is no address is in none.
    InNetwork(Box<[IpNet]>),
    /// `less-than`: it is an integer below this one. What is no integer never is.
    LessThan(i64),
    /// `greater-than`: it is an integer above this one. What is no integer never is.
    GreaterThan(i64),
}

impl Condition {
    /// Whether it holds. `scratch` is for values that have to be written to be looked at; what is in it goes.
    #[must_use]
    pub fn holds(&self, context: &Context<'_>, scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(context, scratch)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(context, scratch)),
            Self::Not(condition) => !condition.holds(context, scratch),
            Self::Test { property, test } => {
                if let Test::InNetwork(networks) = test
                    && property.is_plainly(Property::FromHostIp)
                    && let Some(address) = context.sender_address()
                {
                    return in_networks(networks, address);
                }
                if let Some(value) = property.borrowed(context) {
                    return test.passes(value);
                }
                scratch.clear();
                property.render(context, scratch);
                test.passes(scratch)
            }
        }
    }
}

impl Condition {
    /// Whether a plugin's inventory is asked for it.
    #[must_use]
    pub fn asks_cloud(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::asks_cloud),
            Self::Not(condition) => condition.asks_cloud(),
            Self::Test { property, .. } => property.property().is_of_cloud(),
        }
    }
}

impl Test {
    /// `contains`, its search prepared.
    #[must_use]
    pub fn contains(needle: &[u8]) -> Self {
        Self::Contains(Box::new(Finder::new(needle).into_owned()))
    }

    fn passes(&self, value: &[u8]) -> bool {
        match self {
            Self::Is(expected) => value == &**expected,
            Self::Contains(finder) => finder.find(value).is_some(),
            Self::StartsWith(prefix) => value.starts_with(prefix),
            Self::EndsWith(suffix) => value.ends_with(suffix),
            Self::Regex(regex) => regex.is_match(value),
            Self::InNetwork(networks) => {
                parse::<IpAddr>(value).is_some_and(|address| in_networks(networks, address.to_canonical()))
            }
            Self::LessThan(limit) => parse::<i64>(value).is_some_and(|number| number < *limit),
            Self::GreaterThan(limit) => parse::<i64>(value).is_some_and(|number| number > *limit),
        }
    }
}

/// Whether the address is in one of the networks; it is IPv4 where it was mapped into IPv6.
fn in_networks(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The whole value as something that has a text form, blanks around it aside (`msg` begins with one).
fn parse<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::fixture::{Fixture, rfc5424};

    fn test(property: &str, test: Test) -> Condition {
        Condition::Test {
            property: PropertyExpr::parse(property).unwrap(),
            test,
        }
    }

    fn holds(condition: &Condition) -> bool {
        let fixture = Fixture {
            message: rfc5424(b"web1", b"sshd"),
            ..Fixture::default()
        };
        condition.holds(&fixture.context(), &mut b"left over".to_vec())
    }

    fn bytes(text: &str) -> Box<[u8]> {
        text.as_bytes().into()
    }

    #[test]
    fn texts_are_compared_in_their_own_case() {
        assert!(holds(&test("programname", Test::Is(bytes("sshd")))));
        assert!(!holds(&test("programname", Test::Is(bytes("SSHD")))));
        assert!(holds(&test("programname:::uppercase", Test::Is(bytes("SSHD")))));
        assert!(holds(&test("programname", Test::contains(b"sh"))));
        assert!(!holds(&test("programname", Test::contains(b"hs"))));
        assert!(holds(&test("programname", Test::StartsWith(bytes("ss")))));
        assert!(!holds(&test("programname", Test::StartsWith(bytes("sshd2")))));
        assert!(holds(&test("programname", Test::EndsWith(bytes("hd")))));
        assert!(!holds(&test("programname", Test::EndsWith(bytes("ss")))));
        assert!(holds(&test("programname", Test::Regex(Regex::new("s+h").unwrap()))));
        assert!(!holds(&test("programname", Test::Regex(Regex::new("^h").unwrap()))));
    }

    #[test]
    fn networks_hold_addresses_and_nothing_else() {
        let networks = |text: &str| Test::InNetwork(Box::new([text.parse().unwrap()]));
        assert!(holds(&test("fromhost-ip", networks("192.0.2.0/24"))));
        assert!(!holds(&test("fromhost-ip", networks("198.51.100.0/24"))));
        assert!(
            holds(&test("fromhost-ip:1:$", networks("192.0.2.0/24"))),
            "parsed from the rendered value"
        );
        assert!(!holds(&test("hostname", networks("0.0.0.0/0"))));
        assert!(
            networks("192.0.2.0/24").passes(b"::ffff:192.0.2.7"),
            "a mapped address is IPv4"
        );
        assert!(networks("2001:db8::/32").passes(b" 2001:db8::1 "));
    }

    #[test]
    fn numbers_are_compared_only_with_numbers() {
        assert!(holds(&test("syslogseverity", Test::LessThan(6))));
        assert!(!holds(&test("syslogseverity", Test::LessThan(5))));
        assert!(holds(&test("syslogseverity", Test::GreaterThan(4))));
        assert!(!holds(&test("hostname", Test::GreaterThan(i64::MIN))));
        assert!(!holds(&test("hostname", Test::LessThan(i64::MAX))));
    }

    #[test]
    fn all_any_and_not_combine() {
        let yes = || test("programname", Test::Is(bytes("sshd")));
        let no = || test("programname", Test::Is(bytes("cron")));
        assert!(holds(&Condition::All(vec![yes(), yes()])));
        assert!(!holds(&Condition::All(vec![yes(), no()])));
        assert!(holds(&Condition::All(vec![])));
        assert!(holds(&Condition::Any(vec![no(), yes()])));
        assert!(!holds(&Condition::Any(vec![no(), no()])));
        assert!(!holds(&Condition::Any(vec![])));
        assert!(holds(&Condition::Not(Box::new(no()))));
        assert!(!holds(&Condition::Not(Box::new(yes()))));
    }
}
