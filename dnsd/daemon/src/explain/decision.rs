//! What a list of clients says of one of them, and by which of its entries.

use dnsd_core::acl::{Acl, LocalNetworks, Subject, Who};

/// A verdict with its reason.
pub(super) struct Reasoned {
    pub(super) allowed: bool,
    pub(super) reason: String,
}

impl Reasoned {
    pub(super) fn sentence(&self) -> String {
        let verdict = if self.allowed { "allowed" } else { "refused" };
        format!("{verdict}, {}", self.reason)
    }
}

/// What the list says.
pub(super) fn decision(list: &Acl, who: &Who<'_>, local: &LocalNetworks) -> Reasoned {
    let decision = list.decide(who, local);
    let reason = match decision.entry {
        Some(index) => by_entry(list, index, who, local),
        None if list.entries().is_empty() => "the list is empty".to_owned(),
        None => format!("no entry of {} matches", list.entries().len()),
    };
    Reasoned {
        allowed: decision.allowed,
        reason,
    }
}

/// The entry, and within a list that it names the entry there.
fn by_entry(list: &Acl, index: usize, who: &Who<'_>, local: &LocalNetworks) -> String {
    let Some(entry) = list.entries().get(index) else {
        return String::new();
    };
    let by = format!("entry {} of {}, \"{entry}\"", index + 1, list.entries().len());
    match &entry.subject {
        Subject::List { acl, .. } => match acl.decide(who, local).entry {
            Some(inner) => format!("{by}, there by {}", by_entry(acl, inner, who, local)),
            None => by,
        },
        _ => by,
    }
}
