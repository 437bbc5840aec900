//! When a group of machines grows or shrinks, on spot or on on-demand capacity, and why.

pub mod config;
pub mod decision;
#[cfg(test)]
mod fixtures;
pub mod inputs;
pub mod pattern;
pub mod price;
