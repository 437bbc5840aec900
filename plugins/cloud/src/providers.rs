//! Where machines come from. A provider runs by itself and tells what it finds over a channel; what it is not sure of it does
//! not tell: a listing that broke off, or was throttled, is a [`Word::Failing`] and changes nothing.

pub mod aws;
pub mod static_file;

use std::sync::Arc;

use ballast_shared::plugin::host::WireHost;

use crate::events::Event;
use crate::resources::{Kind, Resource};

/// What a provider tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its name in the configuration.
    pub provider: Arc<str>,
    /// What it says.
    pub word: Word,
}

/// Words are told in the order in which they are true: a later one is newer than an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// All of its machines: what is not among them is gone.
    Listing(Vec<WireHost>),
    /// Some of its machines.
    Change {
        /// Those that are new or other than before, whole.
        hosts: Vec<WireHost>,
        /// The ids of those that are gone.
        gone: Vec<String>,
    },
    /// Something happened to one of them.
    Event(Event),
    /// All that it has of a kind besides machines, or why that is not known.
    Resources(Kind, Result<Vec<Resource>, String>),
    /// It can't be asked: what was told before is what is known.
    Failing {
        /// For people.
        error: String,
        /// Whether it is one that says "later": too many questions.
        is_throttled: bool,
    },
}
