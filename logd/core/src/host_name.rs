//! Names of hosts as a resolver gives them: what may stand in a line and in a path.

/// RFC 1035 §2.3.4, without the dot at the end.
const NAME_BYTES_MAX: usize = 253;

/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// The name in lower case and without its last dot; `None` if it is none that a host has (RFC 1123 §2.1): letters, digits and
/// hyphens, and the underscores that some have all the same. A name that reads as an address is none either: whoever writes
/// it into a reverse zone wants to be taken for another.
#[must_use]
pub fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // No top-level domain is a number (RFC 3696 §2), and every address of IPv4's, however short, ends in one.
    let last = name.rsplit('.').next()?;
    let ends_in_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    (name.len() <= NAME_BYTES_MAX && !ends_in_number && name.split('.').all(is_label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1123_2_1_names_are_taken_in_lower_case() {
        assert_eq!(host_name("Web1.Example.NET.").as_deref(), Some("web1.example.net"));
        assert_eq!(host_name("3com_switch-7").as_deref(), Some("3com_switch-7"));
    }

    #[test]
    fn what_could_lead_out_of_a_tree_is_no_name() {
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            "a/b",
            "../etc",
            "a b",
            "a\0b",
            "a\\046b",
            "a\n",
            "\u{e4}.example",
        ] {
            assert_eq!(host_name(bad), None, "{bad:?}");
        }
        assert_eq!(host_name(&"a".repeat(64)), None);
        assert_eq!(host_name(&["a"; 128].join(".")), None);
    }

    #[test]
    fn what_reads_as_an_address_is_no_name() {
        for bad in [
            "192.0.2.1",
            "192.0.2.1.",
            "3221225985",
            "0xC0000201",
            "0XC0000201",
            "2001:db8::1",
        ] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }
}
