//! Host names: letters, digits and hyphens, no hyphen at a label's border (RFC 952, RFC 1123 §2.1).

use crate::name::NameRef;

/// Whether a name is a host's, or a wildcard for hosts.
pub(super) fn is_host_name(name: NameRef<'_>) -> bool {
    name.labels()
        .enumerate()
        .all(|(n, label)| (n == 0 && label == b"*") || is_host_label(label))
}

fn is_host_label(label: &[u8]) -> bool {
    let border = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
    border(label.first())
        && border(label.last())
        && label
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

/// Whether this is the name under which Active Directory puts the addresses of its global catalogue: an underscore
/// that every such forest has.
pub(super) fn is_active_directory(name: NameRef<'_>) -> bool {
    let mut labels = name.labels();
    labels.next().is_some_and(|label| label.eq_ignore_ascii_case(b"gc"))
        && labels.next().is_some_and(|label| label.eq_ignore_ascii_case(b"_msdcs"))
        && labels.all(is_host_label)
}

/// Whether the first four labels are the numbers of an IPv4 address, with nothing or `origin` behind them: what becomes
/// of an address that was written where a name belongs.
pub(super) fn looks_like_address(name: NameRef<'_>, origin: NameRef<'_>) -> bool {
    let is_octet = |label: &[u8]| {
        label.len() <= 3
            && std::str::from_utf8(label)
                .is_ok_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u8>().is_ok())
    };
    name.labels().take(4).filter(|label| is_octet(label)).count() == 4
        && name.suffix(4).is_some_and(|rest| rest.is_root() || rest == origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn rfc1123_2_1_host_names_are_letters_digits_and_inner_hyphens() {
        for good in ["a.example", "3com.example", "a-b.example", "*.example", "."] {
            assert!(is_host_name(name(good).as_name_ref()), "{good}");
        }
        for bad in [
            "a_b.example",
            "-a.example",
            "a-.example",
            "a.*.example",
            "*a.example",
            r"a\.b.example",
        ] {
            assert!(!is_host_name(name(bad).as_name_ref()), "{bad}");
        }
    }

    #[test]
    fn addresses_are_told_from_names() {
        let origin = name("example");
        for (text, is) in [
            ("192.0.2.1", true),
            ("192.0.2.1.example", true),
            ("192.0.2.1.other", false),
            ("192.0.2.256", false),
            ("0.2.1", false),
        ] {
            assert_eq!(
                looks_like_address(name(text).as_name_ref(), origin.as_name_ref()),
                is,
                "{text}"
            );
        }
    }
}
