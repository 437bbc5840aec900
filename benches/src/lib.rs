//! The micro-benchmarks are in `benches/`.
