//! What the measurements are made with. The micro-benchmarks of the cores are in `benches/`; the comparison of name servers is
//! the program `bench-dns`, that of syslog collectors `bench-syslog`; all take what they have in common from here.
//! `scripts/bench` runs them.

pub mod answers;
pub mod command;
pub mod dns;
pub mod document;
pub mod error;
pub mod histogram;
pub mod interrupt;
pub mod machine;
pub mod process;
pub mod procfs;
pub mod random;
pub mod statistics;
pub mod syslog;
pub mod verdict;
