//! What the name servers are measured with, and how.

pub mod client;
pub mod comparison;
pub mod dnsperf;
pub mod mix;
pub mod paced;
pub mod peers;
pub mod primary;
pub mod stream;
pub mod table;
pub mod zones;
