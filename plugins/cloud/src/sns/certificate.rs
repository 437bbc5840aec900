//! The certificate that a topic's messages are verified with.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The key of a certificate, and when it may be used. Whose it is is known by where it was got from: over TLS, from a host of
/// SNS's. The authority that has signed it is not sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// An RSAPublicKey (RFC 8017 appendix A.1.1) in DER.
    pub(super) key: Vec<u8>,
    /// Since 1970.
    not_before: Duration,
    not_after: Duration,
}

/// Why a file is no such certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoCertificate {
    Pem,
    Form,
    /// Of another kind of key.
    Key,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    pub(super) fn read(pem: &[u8]) -> Result<Self, NoCertificate> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| NoCertificate::Pem)?;
        let read = x509_cert::Certificate::from_der(&der).map_err(|_| NoCertificate::Form)?;
        let public = read.tbs_certificate.subject_public_key_info;
        if public.algorithm.oid != RSA {
            return Err(NoCertificate::Key);
        }
        let validity = read.tbs_certificate.validity;
        Ok(Self {
            key: public.subject_public_key.raw_bytes().to_owned(),
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// Whether it may be used at a time since 1970.
    pub(super) fn is_valid_at(&self, now: Duration) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::signer::Signer;
    use super::*;

    #[test]
    fn a_certificate_has_its_time_and_its_key() {
        let signer = Signer::new();
        let certificate = Certificate::read(signer.certificate().as_bytes()).unwrap();
        let day = Duration::from_secs(86_400);
        assert!(certificate.is_valid_at(certificate.not_before) && certificate.is_valid_at(certificate.not_after));
        assert!(!certificate.is_valid_at(certificate.not_before - day));
        assert!(!certificate.is_valid_at(certificate.not_after + day));
        // A modulus of 2048 bits, an exponent, and what says so.
        assert_eq!(certificate.key.len(), 270);
    }

    #[test]
    fn what_is_none_is_not_read() {
        let other_key = rcgen::generate_simple_self_signed(["sns.test".to_owned()])
            .unwrap()
            .cert;
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, why) in [
            ("", NoCertificate::Pem),
            ("<html>", NoCertificate::Pem),
            (broken, NoCertificate::Form),
            (&*other_key.pem(), NoCertificate::Key),
        ] {
            assert_eq!(Certificate::read(pem.as_bytes()).unwrap_err(), why, "{pem}");
        }
    }
}
