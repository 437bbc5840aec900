//! What the name servers are measured with, and how.

pub mod mix;
pub mod zones;
