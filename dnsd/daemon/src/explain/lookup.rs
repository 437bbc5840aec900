//! How a zone finds a name, and the names that it is an alias of.

use dnsd_core::name::{Name, NameRef};
use dnsd_core::rrtype::Type;
use dnsd_core::search_name::SearchName;
use dnsd_core::zone::{Lookup, Node, Zone};
use dnsd_core::zones::{ZoneNumber, Zones};

use crate::messages::Received;

/// A line for the name and each alias that the answer follows.
pub(super) fn steps(
    zones: &Zones,
    number: ZoneNumber,
    zone: &Zone,
    name: &Name,
    qtype: Type,
    answer: &Received,
) -> Vec<String> {
    let mut lines = vec![step(zone, name, qtype)];
    if matches!(qtype, Type::CNAME | Type::ANY) {
        return lines;
    }
    let mut name = name.clone();
    let mut aliases = answer.answers.iter().filter(|record| record.rtype == Type::CNAME);
    while let Some(alias) = aliases.find(|record| record.owner == name) {
        let Ok(target) = NameRef::from_wire(&alias.rdata) else {
            break;
        };
        name = target.to_name();
        let found = zones.find(&SearchName::new(target), qtype);
        if found.is_none_or(|(found, _)| found != number) {
            lines.push(format!("{name} is of another zone: aliases are followed within theirs"));
            break;
        }
        lines.push(step(zone, &name, qtype));
    }
    lines
}

fn step(zone: &Zone, name: &Name, qtype: Type) -> String {
    let how = match zone.find(&SearchName::new(name.as_name_ref())) {
        Lookup::Exact(node) if node.is_empty() => "an empty non-terminal: names below it exist".to_owned(),
        Lookup::Exact(node) => format!("the name exists, {}", what_of(node, qtype)),
        Lookup::Wildcard { source, encloser } => format!(
            "by the wildcard {}, as {} is the closest encloser; {}",
            source.name(),
            encloser.name(),
            what_of(source, qtype)
        ),
        Lookup::Delegation { cut, at_cut: true } if qtype == Type::DS => {
            format!("delegated at {}; DS records are this side's", cut.name())
        }
        Lookup::Delegation { cut, .. } => format!("delegated at {}", cut.name()),
        Lookup::Dname(owner) => format!("an alias by the DNAME record of {}", owner.name()),
        Lookup::NoName { encloser } => format!("no such name; the closest encloser is {}", encloser.name()),
        Lookup::OutOfZone => "outside the zone".to_owned(),
    };
    format!("{name}: {how}")
}

fn what_of(node: Node<'_>, qtype: Type) -> String {
    match qtype {
        Type::ANY => "whatever it has".to_owned(),
        _ if node.set(qtype).is_some() => format!("with {qtype} records"),
        _ if node.has_cname() => "an alias by its CNAME record".to_owned(),
        _ => format!("without {qtype} records"),
    }
}
