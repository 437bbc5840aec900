//! Answers from signed zones. The zones' texts have the NSEC or NSEC3 records; the signatures are put in here, as their
//! octets mean nothing to the server.

mod damaged;
mod opt_out;
mod order;
mod rfc4035;
mod rfc5155;

use super::*;
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::nsec3::Parameters;

/// A server of one zone, with a signature over every set that the zone is authoritative for (RFC 4035 §2.2).
fn serve_signed(origin: &str, text: &str) -> Zones {
    serve(&[(origin, &format!("{text}\n{}", signatures(origin, text)))])
}

/// The signatures over the records of `text`, which has `owner TYPE data` a line and `@` for the origin.
fn signatures(origin: &str, text: &str) -> String {
    let mut sets: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    sets.sort_unstable();
    sets.dedup();
    let is_cut = |owner: &str| owner != "@" && sets.contains(&(owner, "NS"));
    let is_below_cut = |owner: &str| owner.match_indices('.').any(|(dot, _)| is_cut(&owner[dot + 1..]));
    let origin_labels = origin.split('.').count();
    sets.iter()
        .filter(|(owner, rtype)| !(is_below_cut(owner) || is_cut(owner) && *rtype == "NS"))
        .map(|(owner, rtype)| {
            let own_labels = owner.split('.').filter(|label| !["@", "*"].contains(label)).count();
            let labels = origin_labels + own_labels;
            format!("{owner} RRSIG {rtype} 5 {labels} 3600 20040509183619 20040409183619 38519 {origin}. AAAA\n")
        })
        .collect()
}

/// The records of a chain over `names`, which are relative to the origin; the parameters as NSEC3PARAM has them.
fn nsec3_chain(origin: &str, parameters: &str, names: &[&str]) -> String {
    let mut hashes: Vec<String> = names.iter().map(|name| nsec3_owner(origin, parameters, name)).collect();
    hashes.sort_unstable();
    let next = hashes.iter().cycle().skip(1);
    hashes
        .iter()
        .zip(next)
        .map(|(hash, next)| format!("{hash} NSEC3 {parameters} {next} A\n"))
        .collect()
}

/// The first label of the NSEC3 record of a name.
fn nsec3_owner(origin: &str, parameters: &str, name: &str) -> String {
    let rdata = rdata::parse(Type::NSEC3PARAM, parameters.as_bytes(), None).unwrap();
    let (_, parameters) = Parameters::read(&rdata).unwrap();
    let origin: Name = origin.parse().unwrap();
    let name = Name::parse(name.as_bytes(), Some(&origin)).unwrap();
    let mut wire = [0; NAME_BYTES_MAX];
    let owner: NameRef<'_> = parameters
        .owner(name.as_name_ref(), origin.as_name_ref(), &mut wire)
        .unwrap();
    owner.to_string().split('.').next().unwrap().to_owned()
}

/// A reply as one line for response code and flags, and one for each set: its section's first letter, its owner, its
/// type, and a `+` if its signature follows.
fn sets(answered: &Answered) -> String {
    let text = answered.text();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [section @ ("a" | "n" | "x"), owner, _, "RRSIG", covered, ..] => {
                let set = format!("{section} {owner} {covered}");
                match lines.last_mut() {
                    Some(last) if *last == set => last.push_str(" +"),
                    _ => lines.push(format!("{section} {owner} RRSIG {covered}")),
                }
            }
            [section @ ("a" | "n" | "x"), owner, _, rtype, ..] => {
                let set = format!("{section} {owner} {rtype}");
                if lines.last() != Some(&set) {
                    lines.push(set);
                }
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Asks with the DO bit, and compares the sets of the answer with what is expected: lines with leading blanks stripped.
fn assert_sets(zones: &Zones, query: Query, expected: &str) {
    let query = query.dnssec_ok();
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    let answered = ask_over(zones, Transport::Udp, &query);
    assert_eq!(sets(&answered), expected.join("\n"), "{} {}", query.name, query.qtype);
}
