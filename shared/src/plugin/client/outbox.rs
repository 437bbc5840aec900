//! News that the daemon has not taken yet, put together: it is no more than the inventory is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::host::Host;
use super::super::machine::Inventory;
use super::super::news::{News, State, Update};

/// So many changes are kept as they are, however small the inventory is.
const CHANGES_MAX: usize = 1_000;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    full: bool,
    changed: HashMap<Arc<str>, Arc<Host>>,
    gone: HashSet<Arc<str>>,
    has_update: bool,
    state: Option<State>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        !self.has_update && self.state.is_none()
    }

    /// Adds an update that has made this of the inventory.
    pub(super) fn add_update(&mut self, update: Update, known: &Inventory) {
        self.has_update = true;
        if update.full {
            self.full = true;
            self.changed.clear();
            self.gone.clear();
        }
        for id in update.gone {
            self.changed.remove(&id);
            if !self.full {
                self.gone.insert(id);
            }
        }
        for host in update.changed {
            self.gone.remove(&host.id);
            self.changed.insert(host.id.clone(), host);
        }
        // Of hosts that came and went nothing would ever be forgotten.
        if self.changed.len() + self.gone.len() > known.len().max(CHANGES_MAX) {
            self.full = true;
            self.gone.clear();
            self.changed = known.hosts().map(|host| (host.id.clone(), host.clone())).collect();
        }
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.state = Some(state);
    }

    /// What comes next: the inventory, then the state.
    pub(super) fn take(&mut self) -> Option<News> {
        if !std::mem::take(&mut self.has_update) {
            return self.state.take().map(News::State);
        }
        Some(News::Update(Update {
            full: std::mem::take(&mut self.full),
            changed: std::mem::take(&mut self.changed).into_values().collect(),
            gone: std::mem::take(&mut self.gone).into_iter().collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::host::WireHost;
    use super::*;

    fn host(id: &str, name: &str) -> Arc<Host> {
        let wire = WireHost {
            id: id.into(),
            name: Some(name.into()),
            ..WireHost::default()
        };
        Arc::new(Host::try_from(wire).unwrap())
    }

    fn delta(changed: &[Arc<Host>], gone: &[&str]) -> Update {
        Update {
            full: false,
            changed: changed.to_vec(),
            gone: gone.iter().map(|id| (*id).into()).collect(),
        }
    }

    fn all(hosts: &[Arc<Host>]) -> Update {
        Update {
            full: true,
            ..delta(hosts, &[])
        }
    }

    #[test]
    fn what_waits_is_put_together_and_comes_before_the_state() {
        let mut outbox = Outbox::default();
        let known = Inventory::default();
        outbox.set_state(State::Stale);
        outbox.add_update(delta(&[host("a", "1"), host("b", "1")], &["x"]), &known);
        outbox.add_update(delta(&[host("a", "2"), host("x", "1")], &["b"]), &known);
        outbox.set_state(State::Fresh);
        let Some(News::Update(mut update)) = outbox.take() else {
            panic!()
        };
        update.changed.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(update, delta(&[host("a", "2"), host("x", "1")], &["b"]));
        assert_eq!(outbox.take(), Some(News::State(State::Fresh)));
        assert!(outbox.is_empty() && outbox.take().is_none());
    }

    #[test]
    fn after_everything_nothing_is_gone() {
        let mut outbox = Outbox::default();
        let known = Inventory::default();
        outbox.add_update(delta(&[host("z", "1")], &["y"]), &known);
        outbox.add_update(all(&[host("a", "1"), host("b", "1")]), &known);
        outbox.add_update(delta(&[], &["b"]), &known);
        assert_eq!(outbox.take(), Some(News::Update(all(&[host("a", "1")]))));
        // The next one is a delta again.
        outbox.add_update(delta(&[], &["a"]), &known);
        assert_eq!(outbox.take(), Some(News::Update(delta(&[], &["a"]))));
    }

    #[test]
    fn hosts_that_come_and_go_are_not_gathered_for_ever() {
        let mut outbox = Outbox::default();
        let known: Inventory = [host("a", "1")].into_iter().collect();
        for n in 0..10_000 {
            let id = format!("h{n}");
            outbox.add_update(delta(&[host(&id, "1")], &[]), &known);
            outbox.add_update(delta(&[], &[&id]), &known);
            assert!(outbox.changed.len() + outbox.gone.len() <= CHANGES_MAX);
        }
        assert_eq!(outbox.take(), Some(News::Update(all(&[host("a", "1")]))));
    }
}
