//! Whether a topic has sent a message: its signature, with RSA (PKCS #1 v1.5, RFC 8017 §8.2), of SHA-1 or SHA-256 by its version.

use data_encoding::BASE64;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use super::certificate::Certificate;
use super::delivery::Delivery;

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSigned {
    /// Of a version that there was not when this was written.
    Version,
    /// Not with this key, or not this.
    Wrong,
}

/// Verifies the signature of a message.
///
/// SHA-1 is what topics have unless they are told otherwise. Two texts of one digest can be found for it, but not by who has SNS sign
/// one of them: SNS puts an id that nobody knows before behind the message, and the topic's name, which the other text would need to
/// have in the same place.
pub(super) fn verify(delivery: &Delivery, certificate: &Certificate) -> Result<(), NotSigned> {
    let algorithm: &'static RsaParameters = match delivery.signature_version.as_str() {
        "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        "2" => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(NotSigned::Version),
    };
    let signature = BASE64.decode(delivery.signature.as_bytes());
    let signature = signature.map_err(|_| NotSigned::Wrong)?;
    let key = UnparsedPublicKey::new(algorithm, &certificate.key);
    key.verify(delivery.signed_text().as_bytes(), &signature)
        .map_err(|_| NotSigned::Wrong)
}

#[cfg(test)]
mod tests {
    use super::super::signer::{Signer, notification};
    use super::*;

    fn verified(signer: &Signer, change: impl FnOnce(&mut Delivery)) -> Result<(), NotSigned> {
        let certificate = Certificate::read(signer.certificate().as_bytes()).unwrap();
        let mut delivery = Delivery::read(signer.signed(notification(), "2").to_string().as_bytes()).unwrap();
        change(&mut delivery);
        verify(&delivery, &certificate)
    }

    #[test]
    fn both_versions_verify_with_and_without_a_subject() {
        let signer = Signer::new();
        let certificate = Certificate::read(signer.certificate().as_bytes()).unwrap();
        for version in ["1", "2"] {
            for subject in [
                None,
                Some("There are jobs"),
                Some("ALARM: \"jobs\" in EU (Ireland) – ü"),
            ] {
                let mut message = notification();
                message["Subject"] = subject.into();
                let body = signer.signed(message, version).to_string();
                let delivery = Delivery::read(body.as_bytes()).unwrap();
                assert_eq!(verify(&delivery, &certificate), Ok(()), "{version}, {subject:?}");
            }
        }
    }

    #[test]
    fn what_was_changed_does_not() {
        let signer = Signer::new();
        assert_eq!(verified(&signer, |_| {}), Ok(()));
        let changes: [fn(&mut Delivery); 8] = [
            |one| one.message.push(' '),
            |one| one.message_id.push('0'),
            |one| one.subject = Some("s".into()),
            |one| one.timestamp = one.timestamp.replace("Z", "1Z"),
            |one| one.topic_arn.push('x'),
            |one| one.kind = super::super::delivery::Kind::UnsubscribeConfirmation,
            |one| one.signature = "AA==".into(),
            |one| one.signature = "no base64".into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(verified(&signer, change), Err(NotSigned::Wrong), "change {number}");
        }
        // One digest's signature is not the other's.
        assert_eq!(
            verified(&signer, |one| one.signature_version = "1".into()),
            Err(NotSigned::Wrong)
        );
        assert_eq!(
            verified(&signer, |one| one.signature_version = "3".into()),
            Err(NotSigned::Version)
        );
    }

    #[test]
    fn somebody_elses_key_does_not_verify_it() {
        let (signer, other) = (Signer::new(), Signer::new());
        let body = signer.signed(notification(), "2").to_string();
        let delivery = Delivery::read(body.as_bytes()).unwrap();
        let certificate = Certificate::read(other.certificate().as_bytes()).unwrap();
        assert_eq!(verify(&delivery, &certificate), Err(NotSigned::Wrong));
    }
}
