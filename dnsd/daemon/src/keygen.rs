//! `dnsd keygen`: a new key, as the configuration has it.

use std::fmt;

use ballast_shared::exit::Exit;
use dnsd_core::name::Name;
use dnsd_core::tsig::{Algorithm, Secret};

/// The octets of the longest secret: one that goes with SHA-512.
const SECRET_BYTES_MAX: usize = 64;

/// `dnsd keygen NAME [--algorithm ALGORITHM]`
pub(crate) fn keygen(name: &Name, algorithm: Algorithm) -> Exit {
    let mut random = [0; SECRET_BYTES_MAX];
    if let Err(error) = getrandom::fill(&mut random) {
        eprintln!("the system has no random octets for a secret: {error}");
        return Exit::Os;
    }
    let secret = match Secret::from_random(algorithm, &random) {
        Ok(secret) => secret,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Os;
        }
    };
    if algorithm.is_deprecated() {
        eprintln!("{algorithm} is only for servers that can't do better: hmac-sha256 is what all others have");
    }
    let table = KeyTable {
        name,
        algorithm,
        secret: &secret,
    };
    print!("{table}");
    Exit::Ok
}

/// A `[key.NAME]` table. Besides the key's own file this is the only place where a secret is written out.
struct KeyTable<'k> {
    name: &'k Name,
    algorithm: Algorithm,
    secret: &'k Secret,
}

impl fmt::Display for KeyTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_string();
        let name = name.strip_suffix('.').unwrap_or(&name);
        // TOML's bare keys; anything else, a dot above all, stands in quotes.
        let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !name.is_empty() && name.bytes().all(is_bare) {
            writeln!(f, "[key.{name}]")?;
        } else {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(f, "[key.\"{escaped}\"]")?;
        }
        writeln!(f, "algorithm = \"{}\"", self.algorithm)?;
        writeln!(f, "secret = \"{}\"", self.secret.to_base64().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, algorithm: &str) -> String {
        let algorithm = algorithm.parse().unwrap();
        let table = KeyTable {
            name: &name.parse().unwrap(),
            algorithm,
            secret: &Secret::from_random(algorithm, &[0; SECRET_BYTES_MAX]).unwrap(),
        };
        table.to_string()
    }

    #[test]
    fn a_key_is_printed_as_the_configuration_has_it() {
        let expected = "[key.LAN-TRANSFER]\nalgorithm = \"hmac-md5\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAA==\"\n";
        assert_eq!(table("LAN-TRANSFER", "hmac-md5"), expected);
    }

    #[test]
    fn a_name_that_is_no_bare_key_is_quoted() {
        for (name, expected) in [
            ("lan.example.net.", r#"[key."lan.example.net"]"#),
            ("a\"b\\.c", r#"[key."a\\\"b\\.c"]"#),
            (".", r#"[key.""]"#),
        ] {
            let printed = table(name, "hmac-sha256-128");
            assert_eq!(printed.lines().next(), Some(expected));
            assert!(printed.contains("\"hmac-sha256-128\""));
        }
    }

    #[test]
    fn there_is_a_secret_for_every_algorithm() {
        for algorithm in Algorithm::ALL {
            assert!(algorithm.whole_mac_bytes() <= SECRET_BYTES_MAX);
        }
    }
}
