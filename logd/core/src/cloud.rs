//! The machine that a message came from, as a plugin's inventory has it: `%cloud-id%`, `%cloud-group%` and the others.
//!
//! The daemon hands what a plugin says to a [`Ledger`], which makes an immutable [`Map`] of it: for each address, whose it was
//! when. It is asked by the sender's address and the time of receipt, since clouds use addresses again, and a message must not be
//! taken for one of the machine that has its sender's address now. What it finds is a [`Host`], which a message's [`Sender`]
//! refers to.

mod host;
mod ledger;
mod map;
mod tenancy;

pub use host::{Fact, Host};
pub use ledger::{Address, ENDED_MAX, KEPT_S, Ledger, Machine, TENANCIES_MAX};
pub use map::{Found, Map};

/// How far what a plugin has said can be relied on, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    /// It was heard of lately.
    Fresh,
    /// It is silent or gone.
    Stale,
    /// It was not heard of since the start: what there is comes from the disk.
    #[default]
    Cold,
    /// It has been silent for so long that nothing of it counts any more.
    Expired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Stale, Self::Cold, Self::Expired];

    /// As `%cloud-state%` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Cold => "cold",
            Self::Expired => "expired",
        }
    }
}

/// What is known of a message's sender.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// The machine; `None`: no inventory has the address at that time, or the message has none.
    pub host: Option<&'a Host>,
    /// What stands for every property of a machine that is not known.
    pub fallback: &'a str,
    /// Of the plugin that knows the machine; of a machine that none knows, the worst of all plugins'.
    pub state: State,
}

impl<'a> Sender<'a> {
    /// What is said of the machine: empty where nothing is, and `fallback` for one that is not known.
    #[inline]
    pub(crate) fn fact(&self, fact: Fact) -> &'a [u8] {
        self.host.map_or(self.fallback.as_bytes(), |host| host.octets(fact))
    }

    /// The value of its label of this name, as [`Sender::fact`].
    pub(crate) fn label(&self, name: &str) -> &'a [u8] {
        self.host
            .map_or(self.fallback.as_bytes(), |host| host.label_octets(name))
    }
}
