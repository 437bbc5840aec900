//! What the measurements are made with. The micro-benchmarks of the cores are in `benches/`, the comparison of name servers
//! is the program `bench-dns`; both take their zones and queries from here. `scripts/bench` runs them.

pub mod answers;
pub mod dns;
pub mod error;
pub mod histogram;
pub mod interrupt;
pub mod machine;
pub mod process;
pub mod procfs;
pub mod random;
pub mod statistics;
