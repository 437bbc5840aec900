//! What a zone's table is called: a name, or a network, which is its reverse zone.

use ballast_shared::config::{Diagnostics, Span};
use dnsd_core::name::Name;
use ipnet::IpNet;

use super::reverse::{ReverseError, reverse_zone};

/// The zone that `written`, which stands at `span`, means; what is wrong with it is reported.
pub(super) fn zone_name(written: &str, span: Span, diagnostics: &Diagnostics) -> Option<Name> {
    let prefix_length = written.rsplit_once('/').map(|(_, length)| length);
    if prefix_length.is_some()
        && let Ok(network) = written.parse()
    {
        return network_zone_name(network, span, diagnostics);
    }
    // The labels of RFC 2317 have a slash too, but never as the last of a name.
    if prefix_length.is_some_and(|length| length.bytes().all(|byte| byte.is_ascii_digit())) {
        diagnostics.error_with_help(
            span,
            "not a network",
            "a reverse zone can be written as its network: \"192.168.42.0/24\", \"2001:db8::/32\"",
        );
        return None;
    }
    match written.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            diagnostics.error(span, format!("not a zone's name: {error}"));
            None
        }
    }
}

fn network_zone_name(network: IpNet, span: Span, diagnostics: &Diagnostics) -> Option<Name> {
    match reverse_zone(network) {
        Ok(name) => return Some(name),
        Err(ReverseError::HostBits(meant)) => diagnostics.error_with_help(
            span,
            "bits are set behind the network's prefix",
            format!("did you mean \"{meant}\"?"),
        ),
        Err(ReverseError::InsideLabel) => diagnostics.error_with_help(
            span,
            format!("/{} is no border between labels of the reverse tree", network.prefix_len()),
            "IPv4 networks end at /8, /16 or /24, IPv6 networks at a multiple of 4; a smaller share of a network (RFC 2317) \
             is written by the name it is delegated as, such as \"0/25.42.168.192.in-addr.arpa\"",
        ),
    }
    None
}
