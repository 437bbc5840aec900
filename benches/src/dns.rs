//! What the name servers are measured with, and how.

pub mod answers;
pub mod dnsperf;
pub mod mix;
pub mod paced;
pub mod peers;
pub mod zones;
