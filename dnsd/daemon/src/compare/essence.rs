//! What of two replies to one question must be the same.
//!
//! These are the response code, whether it is authoritative, and the answer, TTLs included; behind an answer that says that
//! something isn't here also the authority section, and of a referral the addresses without which nobody finds the servers it
//! names. The rest is what a server likes to add. Neither order nor case counts.

use std::cmp::Ordering;
use std::fmt;

use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::record::Record;
use dnsd_core::rrtype::Type;

use crate::messages::Received;

/// Octets of an SOA record's data from the serial on: five numbers (RFC 1035 §3.3.13).
const SOA_NUMBERS_BYTES: usize = 20;

/// How two replies differ: lines with `-` for what only ours has, `+` for what only theirs has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference(Vec<String>);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The serial of an SOA record.
pub(super) fn serial_of(rtype: Type, rdata: &[u8]) -> Option<u32> {
    let numbers = rdata
        .len()
        .checked_sub(SOA_NUMBERS_BYTES)
        .filter(|_| rtype == Type::SOA)?;
    rdata[numbers..].first_chunk().map(|serial| u32::from_be_bytes(*serial))
}

/// How the other server's reply differs from ours; `None` when it doesn't.
pub(super) fn differences(ours: &Received, theirs: &Received, ignores_serial: bool) -> Option<Difference> {
    let scope = Scope::of(ours);
    let [left, right] = [ours, theirs].map(|reply| scope.essence(reply, ignores_serial));
    // What only ours has stands in front.
    let (mut lines, mut added) = (Vec::new(), Vec::new());
    let [our_summary, their_summary] = [ours, theirs].map(|reply| reply.summary().to_string());
    if our_summary != their_summary {
        lines.push(format!("- {our_summary}"));
        added.push(format!("+ {their_summary}"));
    }
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.cmp(right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        if order != Ordering::Greater
            && let Some(entry) = left.next()
            && order == Ordering::Less
        {
            lines.push(format!("- {entry}"));
        }
        if order != Ordering::Less
            && let Some(entry) = right.next()
            && order == Ordering::Greater
        {
            added.push(format!("+ {entry}"));
        }
    }
    lines.append(&mut added);
    (!lines.is_empty()).then_some(Difference(lines))
}

/// What of a reply counts.
struct Scope<'o> {
    /// The authority section does: it says where to ask on, or for how long there is nothing.
    authority: bool,
    /// Name servers in it do: they are those of a zone below, whose addresses count too.
    cut: Option<&'o Name>,
}

/// A record in its section.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    section: Section,
    owner: Name,
    rtype: Type,
    rdata: Vec<u8>,
    ttl: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Answer,
    Authority,
    Additional,
}

impl<'o> Scope<'o> {
    /// As our own reply has it, which has nothing that it need not have.
    fn of(ours: &'o Received) -> Self {
        let mut servers = ours.authorities.iter().filter(|record| record.rtype == Type::NS);
        Self {
            authority: !ours.authorities.is_empty(),
            cut: servers.next().map(|record| &record.owner),
        }
    }

    fn essence(&self, reply: &Received, ignores_serial: bool) -> Vec<Entry> {
        let entry = |section, record: &Record| Entry::new(section, record, ignores_serial);
        let mut entries: Vec<Entry> = reply
            .answers
            .iter()
            .map(|record| entry(Section::Answer, record))
            .collect();
        if self.authority {
            let counts = |record: &&Record| self.cut.is_some() || !is_about(record, Type::NS);
            let authorities = reply.authorities.iter().filter(counts);
            entries.extend(authorities.map(|record| entry(Section::Authority, record)));
        }
        if let Some(cut) = self.cut {
            let is_glue =
                |record: &&Record| matches!(record.rtype, Type::A | Type::AAAA) && record.owner.is_subdomain_of(cut);
            let glue = reply.additionals.iter().filter(is_glue);
            entries.extend(glue.map(|record| entry(Section::Additional, record)));
        }
        entries.sort();
        // What an answer says twice it says.
        entries.dedup();
        entries
    }
}

/// Whether it is of a type, or a signature over records of it.
fn is_about(record: &Record, rtype: Type) -> bool {
    record.rtype == rtype || record.rtype == Type::RRSIG && record.rdata.starts_with(&rtype.0.to_be_bytes())
}

impl Entry {
    fn new(section: Section, record: &Record, ignores_serial: bool) -> Self {
        let mut data = record.rdata.to_vec();
        rdata::make_canonical(record.rtype, &mut data);
        if ignores_serial && serial_of(record.rtype, &data).is_some() {
            let at = data.len() - SOA_NUMBERS_BYTES;
            data[at..at + 4].fill(0);
        }
        Self {
            section,
            owner: record.owner.clone(),
            rtype: record.rtype,
            rdata: data,
            ttl: record.ttl,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            section,
            owner,
            rtype,
            rdata: data,
            ttl,
        } = self;
        match section {
            Section::Answer => {}
            Section::Authority => f.write_str("authority: ")?,
            Section::Additional => f.write_str("additional: ")?,
        }
        write!(f, "{owner} {ttl} IN {rtype} {}", rdata::display(*rtype, data))
    }
}

#[cfg(test)]
mod tests {
    use dnsd_core::message::{Flags, Rcode};
    use dnsd_core::rrtype::Class;

    use super::*;

    fn record(line: &str) -> Record {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap();
        let (owner, ttl, rtype, data) = (word(), word(), word(), word());
        let rtype = Type::parse(rtype.as_bytes()).unwrap();
        Record {
            owner: owner.parse().unwrap(),
            class: Class::IN,
            ttl: ttl.parse().unwrap(),
            rtype,
            rdata: rdata::parse(rtype, data.as_bytes(), None).unwrap().into(),
        }
    }

    fn reply(answers: &[&str], authorities: &[&str], additionals: &[&str]) -> Received {
        let records = |lines: &[&str]| lines.iter().map(|line| record(line)).collect();
        Received {
            flags: Flags::QR.with(Flags::AA),
            rcode: Rcode::NOERROR,
            answers: records(answers),
            authorities: records(authorities),
            additionals: records(additionals),
        }
    }

    fn compared(ours: &Received, theirs: &Received) -> String {
        differences(ours, theirs, false)
            .map(|found| found.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn neither_order_nor_case_nor_what_a_server_adds_counts() {
        let ours = reply(
            &["a.example. 60 NS b.example.", "a.example. 60 NS c.example."],
            &[],
            &[],
        );
        let theirs = reply(
            &["A.example. 60 NS C.example.", "a.EXAMPLE. 60 NS b.example."],
            &["example. 60 NS n.example."],
            &["c.example. 60 A 192.0.2.1"],
        );
        assert_eq!(compared(&ours, &theirs), "");
    }

    #[test]
    fn records_ttls_and_codes_count() {
        let ours = reply(&["a.example. 60 A 192.0.2.1", "a.example. 60 A 192.0.2.2"], &[], &[]);
        let mut theirs = reply(&["a.example. 60 A 192.0.2.2", "a.example. 30 A 192.0.2.1"], &[], &[]);
        theirs.flags = Flags::QR;
        assert_eq!(
            compared(&ours, &theirs),
            "- NOERROR, authoritative\n- a.example. 60 IN A 192.0.2.1\n+ NOERROR\n+ a.example. 30 IN A 192.0.2.1\n"
        );
        let mut refused = reply(&[], &[], &[]);
        refused.rcode = Rcode::REFUSED;
        refused.flags = Flags::QR;
        assert_eq!(
            compared(&reply(&["a.example. 60 A 192.0.2.1"], &[], &[]), &refused),
            "- NOERROR, authoritative\n- a.example. 60 IN A 192.0.2.1\n+ REFUSED\n"
        );
    }

    #[test]
    fn of_a_referral_servers_and_glue_count() {
        let servers = "sub.example. 60 NS ns.sub.example.";
        let ours = reply(&[], &[servers], &["ns.sub.example. 60 A 192.0.2.1"]);
        assert_eq!(
            compared(&ours, &reply(&[], &[servers], &["n.other.example. 60 A 192.0.2.9"])),
            "- additional: ns.sub.example. 60 IN A 192.0.2.1\n"
        );
        assert_eq!(
            compared(&ours, &reply(&[], &[], &[])),
            "- authority: sub.example. 60 IN NS ns.sub.example.\n- additional: ns.sub.example. 60 IN A 192.0.2.1\n"
        );
    }

    #[test]
    fn a_serial_that_was_told_of_is_not_told_again() {
        let negative = |serial: u32| reply(&[], &[&format!("example. 60 SOA n. h. {serial} 1 2 3 4")], &[]);
        assert!(differences(&negative(1), &negative(2), false).is_some());
        assert_eq!(differences(&negative(1), &negative(2), true), None);
        assert_eq!(
            serial_of(Type::SOA, &record("example. 60 SOA n. h. 7 1 2 3 4").rdata),
            Some(7)
        );
        assert_eq!(serial_of(Type::SOA, &[0; 4]), None);
    }
}
