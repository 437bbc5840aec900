//! What a daemon learns of a plugin's inventory, and of the plugin.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::host::Host;

/// A change of the inventory, in one step: the hosts that are other than before, and those that are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// `changed` is everything: what is not in it is gone, too, and `gone` is empty.
    pub full: bool,
    /// Hosts that are new or other than before, whole. Each once.
    pub changed: Vec<Arc<Host>>,
    /// The ids of those that are no more. None of them is in `changed`.
    pub gone: Vec<Arc<str>>,
}

/// How much can be given for what is known of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The plugin has spoken in the last 30 seconds.
    Fresh,
    /// It hangs or is gone: what it said last is still used.
    Stale,
    /// It has been gone for longer than `max-stale`.
    Expired,
    /// It hasn't spoken since this daemon started: what is known comes from the file, if there is one.
    Cold,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Stale, Self::Expired, Self::Cold];

    /// As it is shown: `fresh`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Cold => "cold",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is delivered to the daemon, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The inventory has changed.
    Update(Update),
    /// The state has changed. The first of these comes after what the file said.
    State(State),
}

/// A full snapshot that is not used, as it lacks too much: an administrator has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Known hosts that it lacks.
    pub missing: usize,
    /// Those of them that the plugin has not said to be gone.
    pub unreported: usize,
    /// Hosts that are known.
    pub of: usize,
}

/// What `status` shows of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// As it was last delivered.
    pub state: State,
    /// The plugin's epoch of what is used.
    pub epoch: Option<String>,
    /// The number of the last reply that is used.
    pub seq: u64,
    /// Hosts that are known.
    pub hosts: usize,
    /// Since the plugin last said anything complete, in this life of the daemon or before; `None`: never.
    pub last_word: Option<Duration>,
    /// Connections that were made, without the first.
    pub reconnects: u64,
    /// What is held back.
    pub held: Option<Held>,
    /// Hosts that were left out, as something in them is wrong, since the start.
    pub rejected_hosts: u64,
    /// Why there is no connection, if there is none.
    pub trouble: Option<String>,
}
