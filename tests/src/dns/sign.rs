//! Zones signed as administrators do it, with BIND's dnssec-keygen and dnssec-signzone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a zone proves that something is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// By names (RFC 4034 §4).
    Nsec,
    /// By hashed names (RFC 5155).
    Nsec3 {
        /// How often the hash is hashed again.
        iterations: u16,
        /// In hexadecimal digits, `-` for none.
        salt: &'static str,
        /// Whether insecure delegations are left out (§6).
        opt_out: bool,
    },
}

/// A signed zone.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its master file.
    pub file: PathBuf,
    /// The DS records for its parent (RFC 4034 §5), with absolute names.
    pub ds: String,
    /// Its DNSKEY record that the DS records are about: flags, protocol, algorithm and key, as a master file has them.
    pub key: String,
}

/// Signs a zone with keys of its own, made for it here. Signatures are valid from long ago until far from now, so that the
/// machine's clock makes no difference.
///
/// # Panics
/// When the tools don't take the zone, with what they say.
#[must_use]
pub fn sign(directory: &Path, origin: &str, text: &str, denial: Denial) -> Signed {
    let unsigned = directory.join(format!("{origin}.unsigned"));
    fs::write(&unsigned, text).expect("a file");
    // ECDSA signs and verifies quickly (RFC 8624 §3.1 recommends it too).
    let keygen = ["-q", "-K", ".", "-a", "ECDSAP256SHA256"];
    let ksk = run(
        directory,
        "dnssec-keygen",
        keygen.into_iter().chain(["-f", "KSK", origin]),
    );
    let _zsk = run(directory, "dnssec-keygen", keygen.into_iter().chain([origin]));

    let file = directory.join(format!("{origin}.signed"));
    let output = file.display().to_string();
    let input = unsigned.display().to_string();
    let iterations;
    let mut arguments = vec!["-S", "-K", ".", "-d", ".", "-o", origin, "-f", &output];
    arguments.extend(["-s", "20200101000000", "-e", "20371231000000"]);
    if let Denial::Nsec3 {
        iterations: count,
        salt,
        opt_out,
    } = denial
    {
        iterations = count.to_string();
        arguments.extend(["-3", salt, "-H", &iterations]);
        arguments.extend(opt_out.then_some("-A"));
    }
    arguments.push(&input);
    run(directory, "dnssec-signzone", arguments);

    let read = |name: String| fs::read_to_string(directory.join(name)).expect("a file that the tools write");
    let public = read(format!("{}.key", ksk.trim()));
    let (_, key) = public.rsplit_once(" DNSKEY ").expect("a DNSKEY record");
    Signed {
        file,
        ds: read(format!("dsset-{origin}.")),
        key: key.trim().to_owned(),
    }
}

/// Runs a tool and gives what it prints.
fn run<'a>(directory: &Path, tool: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = Command::new(tool)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap_or_else(|error| panic!("{tool}: {error}: scripts/install test"));
    assert!(
        output.status.success(),
        "{tool}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
