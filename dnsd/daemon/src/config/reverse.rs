//! A network as a zone's name: `192.168.42.0/24` is `42.168.192.in-addr.arpa` (RFC 1035 §3.5), `2001:db8::/32` is
//! `8.b.d.0.1.0.0.2.ip6.arpa` (RFC 3596 §2.5).

use std::fmt::Write;

use dnsd_core::name::Name;
use ipnet::IpNet;

/// Why a network is no reverse zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReverseError {
    /// Bits are set behind the prefix; the network that was probably meant.
    HostBits(IpNet),
    /// The prefix ends inside a label: an octet of IPv4, four bits of IPv6.
    InsideLabel,
}

/// The reverse zone of a network.
pub(super) fn reverse_zone(network: IpNet) -> Result<Name, ReverseError> {
    if network.trunc() != network {
        return Err(ReverseError::HostBits(network.trunc()));
    }
    let length = network.prefix_len();
    let label_bits = if network.addr().is_ipv4() { 8 } else { 4 };
    if !length.is_multiple_of(label_bits) {
        return Err(ReverseError::InsideLabel);
    }
    let count = usize::from(length / label_bits);
    let mut text = String::new();
    match network {
        IpNet::V4(network) => {
            for octet in network.addr().octets()[..count].iter().rev() {
                let _ = write!(text, "{octet}.");
            }
            text.push_str("in-addr.arpa.");
        }
        IpNet::V6(network) => {
            let octets = network.addr().octets();
            let nibbles: Vec<u8> = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]).collect();
            for nibble in nibbles[..count].iter().rev() {
                let _ = write!(text, "{nibble:x}.");
            }
            text.push_str("ip6.arpa.");
        }
    }
    Ok(text.parse().expect("at most 34 labels of at most four octets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverse(network: &str) -> Result<String, ReverseError> {
        reverse_zone(network.parse().unwrap()).map(|name| name.to_string())
    }

    #[test]
    fn rfc1035_3_5_octets_from_the_last() {
        assert_eq!(reverse("192.168.42.0/24").unwrap(), "42.168.192.in-addr.arpa.");
        assert_eq!(reverse("10.0.0.0/8").unwrap(), "10.in-addr.arpa.");
        assert_eq!(reverse("192.0.2.1/32").unwrap(), "1.2.0.192.in-addr.arpa.");
        assert_eq!(reverse("0.0.0.0/0").unwrap(), "in-addr.arpa.");
    }

    #[test]
    fn rfc3596_2_5_nibbles_from_the_last() {
        assert_eq!(reverse("2001:db8::/32").unwrap(), "8.b.d.0.1.0.0.2.ip6.arpa.");
        assert_eq!(reverse("fd00::/8").unwrap(), "d.f.ip6.arpa.");
        assert_eq!(reverse("2001:db8::1/128").unwrap().len(), 32 * 2 + "ip6.arpa.".len());
    }

    #[test]
    fn a_prefix_ends_where_a_label_does() {
        assert_eq!(reverse("192.168.42.0/25"), Err(ReverseError::InsideLabel));
        assert_eq!(reverse("2001:db8::/33"), Err(ReverseError::InsideLabel));
        assert_eq!(
            reverse("192.168.42.1/24"),
            Err(ReverseError::HostBits("192.168.42.0/24".parse().unwrap()))
        );
    }
}
