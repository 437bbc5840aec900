//! What the measurements are made with. The micro-benchmarks of the cores are in `benches/`, the comparison of name servers
//! is the program `bench-dns`; both take their zones and queries from here. `scripts/bench` runs them.

pub mod answers;
pub mod dns;
pub mod random;
