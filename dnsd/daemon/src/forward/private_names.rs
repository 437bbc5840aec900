//! Names of networks that everybody has for himself: what they mean elsewhere is nobody's business, and servers outside are
//! not to be bothered with them (RFC 6303).

use dnsd_core::name::NameRef;

/// Below these all names are private: RFC 6303 §4, RFC 7793 §4 (100.64.0.0/10 is added by [`is_private`]), and RFC 8375 §4.
const ZONES: &[&str] = &[
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    "home.arpa",
];

/// The unspecified address and the loopback address of IPv6: 31 labels of zeros below `ip6.arpa`, and one before them.
const ZEROS: usize = 31;

/// Whether a name is in one of these networks.
pub(super) fn is_private(name: NameRef<'_>) -> bool {
    // From the root down, in small letters.
    let labels: Vec<Vec<u8>> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
    let mut labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
    labels.reverse();
    ZONES.iter().any(|zone| is_below(&labels, zone)) || is_of_a_split_network(&labels) || is_of_no_host(&labels)
}

fn is_below(labels: &[&[u8]], zone: &str) -> bool {
    let zone = zone.rsplit('.').map(str::as_bytes);
    labels.len() >= zone.clone().count() && zone.zip(labels).all(|(of_zone, label)| of_zone == *label)
}

/// 172.16.0.0/12 and 100.64.0.0/10 have a zone for each of their second octets.
fn is_of_a_split_network(labels: &[&[u8]]) -> bool {
    let [b"arpa", b"in-addr", first, second, ..] = labels else {
        return false;
    };
    let second: Option<u8> = str::from_utf8(second).ok().and_then(|text| text.parse().ok());
    matches!((*first, second), (b"172", Some(16..=31)) | (b"100", Some(64..=127)))
}

fn is_of_no_host(labels: &[&[u8]]) -> bool {
    let [b"arpa", b"ip6", digits @ ..] = labels else {
        return false;
    };
    match digits.split_at_checked(ZEROS) {
        Some((zeros, [b"0" | b"1", ..])) => zeros.iter().all(|digit| *digit == b"0"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsd_core::name::Name;

    #[test]
    fn rfc6303_4_names_of_private_networks_and_no_others() {
        let zeros = "0.".repeat(31);
        let (unspecified, loopback) = (format!("0.{zeros}ip6.arpa"), format!("1.{zeros}IP6.arpa"));
        for (name, expected) in [
            ("1.2.3.10.in-addr.arpa", true),
            ("10.IN-ADDR.ARPA", true),
            ("1.110.in-addr.arpa", false),
            ("1.0.16.172.in-addr.arpa", true),
            ("31.172.in-addr.arpa", true),
            ("32.172.in-addr.arpa", false),
            ("172.in-addr.arpa", false),
            ("127.100.in-addr.arpa", true),
            ("63.100.in-addr.arpa", false),
            ("1.168.192.in-addr.arpa", true),
            ("c.f.ip6.arpa", false),
            ("0.d.f.ip6.arpa", true),
            ("printer.home.arpa", true),
            ("arpa", false),
            (".", false),
            ("www.example.net", false),
            (&unspecified, true),
            (&loopback, true),
            (&unspecified[2..], false),
        ] {
            let parsed: Name = name.parse().unwrap();
            assert_eq!(is_private(parsed.as_name_ref()), expected, "{name}");
        }
    }
}
