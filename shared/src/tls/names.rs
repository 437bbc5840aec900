//! The names that a certificate is for (RFC 5425 §5.2, RFC 6125 §6.4): its subjectAltName, or where that has no DNS name, the
//! common name of its subject.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `id-at-commonName`
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// All of them, in their order; none of a certificate that can't be read.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(read) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut has_dns_name = false;
    if let Ok(Some((_, SubjectAltName(alternatives)))) = read.tbs_certificate.get::<SubjectAltName>() {
        for name in alternatives {
            match name {
                GeneralName::DnsName(name) => {
                    has_dns_name = true;
                    names.push(name.to_string());
                }
                GeneralName::IpAddress(octets) => names.extend(address(octets.as_bytes())),
                _ => {}
            }
        }
    }
    if !has_dns_name {
        let attributes = read
            .tbs_certificate
            .subject
            .0
            .iter()
            .flat_map(|relative| relative.0.iter());
        let common = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
        names.extend(common.filter_map(|attribute| text(&attribute.value)));
    }
    names
}

/// A name as it may stand in a line or in a path of a log.
pub(super) fn printable(name: &str) -> String {
    let shown = |character: char| if character.is_control() { '?' } else { character };
    name.chars().map(shown).collect()
}

fn address(octets: &[u8]) -> Option<String> {
    let address = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    Some(address.to_string())
}

fn text(value: &Any) -> Option<String> {
    Some(match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.to_string(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.to_string(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.to_string(),
        _ => return None,
    })
}
