//! Who asks for a name, and who has it.

use std::collections::BTreeSet;

/// The machines that ask for one name.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Those that ask for it as their own, the one that has it first: by the age of their addresses, then by id.
    own: BTreeSet<(i64, Box<str>)>,
    /// Those that share it, unless somebody has it as their own.
    shared: BTreeSet<Box<str>>,
}

impl Claims {
    /// Whether several want it as their own now, and did not before.
    pub(super) fn enter(&mut self, is_own: bool, since: i64, id: &str) -> bool {
        if is_own {
            self.own.insert((since, id.into()));
            return self.own.len() == 2;
        }
        self.shared.insert(id.into());
        false
    }

    pub(super) fn withdraw(&mut self, is_own: bool, since: i64, id: &str) {
        match is_own {
            true => self.own.remove(&(since, id.into())),
            false => self.shared.remove(id),
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.shared.is_empty()
    }

    /// Who has it as its own.
    pub(super) fn owner(&self) -> Option<&str> {
        self.own.first().map(|(_, id)| &**id)
    }

    /// All that have it, by id.
    pub(super) fn have_it(&self) -> impl Iterator<Item = &str> {
        let owner = self.owner();
        let shared = self.shared.iter().filter(move |_| owner.is_none());
        owner.into_iter().chain(shared.map(AsRef::as_ref))
    }

    /// Whether this machine has it.
    pub(super) fn has_it(&self, id: &str) -> bool {
        match self.owner() {
            Some(owner) => owner == id,
            None => self.shared.contains(id),
        }
    }

    /// Who has it as its own, and another that wants it so.
    pub(super) fn clash(&self) -> Option<(&str, &str)> {
        let mut own = self.own.iter();
        let ((_, has), (_, wants)) = (own.next()?, own.next()?);
        Some((has, wants))
    }

    /// What [`Claims::moved_since`] is told later: whose it is.
    pub(super) fn owner_before(&self) -> Option<Box<str>> {
        self.owner().map(Into::into)
    }

    /// The machines for which it is another name now than when it was `before`'s own: none where it was nobody's own and is
    /// nobody's, for those that share a name are nothing to each other.
    pub(super) fn moved_since(&self, before: &Option<Box<str>>) -> Vec<Box<str>> {
        let owner = self.owner();
        if owner == before.as_deref() {
            return Vec::new();
        }
        let owners = owner.map(Into::into).into_iter().chain(before.clone());
        let is_shared_anew = owner.is_none() || before.is_none();
        let shared = self.shared.iter().filter(|_| is_shared_anew).cloned();
        owners.chain(shared).collect()
    }
}
