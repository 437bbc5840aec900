//! When a group of machines grows or shrinks, on spot or on on-demand capacity, and why.
//!
//! `decision` is the rule, which has all that it depends on in its `inputs` and asks nobody; `gather` asks the cloud for them,
//! `act` carries out what was decided. A `scaler` does this for a pair of groups, one message at a time: `message` reads what
//! the queue has, `memory` knows what has been done, and is a fold of the lines of the `record`. `service` runs them.

mod act;
pub mod actions;
pub mod config;
mod control;
pub mod decision;
#[cfg(test)]
mod fake_cloud;
mod feed;
#[cfg(test)]
mod fixtures;
mod gather;
pub mod inputs;
mod memory;
mod message;
pub(crate) mod metrics;
pub mod pattern;
pub mod price;
mod record;
mod scaler;
mod service;
mod state;
mod told;
mod words;

pub use act::{Outcome, Patience, StepResult};
pub use gather::NotGathered;
pub use memory::Entry;
pub use scaler::{Clock, Health, NotDone, Scaler};
pub use service::{Scalings, run};
