//! What the end-to-end tests need: the daemons and their peers as processes, addresses that no other test uses, and waiting
//! for what is to happen.
//!
//! Every test is a process of its own (cargo-nextest). It listens on loopback addresses made of its process's number, so
//! tests run side by side on fixed ports and none of them asks for a free one.

pub mod browser;
pub mod certificates;
pub mod cloud;
pub mod daemon;
pub mod databases;
pub mod dns;
pub mod gate;
pub mod peers;
pub mod plugin;
pub mod syslog;
pub mod wait;

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A loopback address that is this test's own; `n` tells several of one test apart.
///
/// # Panics
/// When a test wants more than four.
#[must_use]
pub fn address(n: u8) -> Ipv4Addr {
    assert!(n < 4, "four addresses a test");
    // 2^22 process numbers (the kernel's maximum) and two bits of n fill the 24 bits below 127.
    let host = (std::process::id() << 2) | u32::from(n);
    let [_, a, b, c] = host.to_be_bytes();
    // 127.0.0.1 and what else the machine uses would need a process number below 64.
    Ipv4Addr::new(127, a, b, c)
}

/// A port that is this test's own, for a peer that can't listen on [`address`]. It is below those that the system gives to
/// clients (net.ipv4.ip_local_port_range).
#[must_use]
pub fn port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 20_000;
    u16::try_from(FIRST + std::process::id() % PORTS).expect("below 30000")
}

/// A second one.
#[must_use]
pub fn second_port() -> u16 {
    const FIRST: u32 = 30_000;
    // As far as those that the system gives to clients.
    const PORTS: u32 = 2_000;
    u16::try_from(FIRST + std::process::id() % PORTS).expect("below 32000")
}

/// A file of `tests/data`.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// A file of the repository.
#[must_use]
pub fn repository(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is below the root")
        .join(name)
}
