//! The binary `cloudd`.

fn main() {}
