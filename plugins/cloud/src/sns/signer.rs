//! What stands for SNS in tests: a key of its own, made by `openssl`, as ring neither makes RSA keys nor signs with SHA-1.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::delivery::Delivery;

pub(super) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
/// 2026-06-01T00:00:00Z, in milliseconds.
pub(super) const SENT: i64 = 1_780_272_000_000;

/// A notification as it is before it is signed.
pub(super) fn notification() -> Value {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Message": "{\"AlarmName\":\"jobs\"}\nand more", "Timestamp": "2026-06-01T00:00:00.000Z",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
    })
}

pub(super) struct Signer {
    folder: tempfile::TempDir,
    certificate: String,
}

impl Signer {
    /// With a new key, and a certificate that is valid in 2026.
    pub(super) fn new() -> Self {
        Self::valid_in(2026)
    }

    /// With a certificate that is valid from a year's begin to its end.
    pub(super) fn valid_in(year: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output();
        let key = String::from_utf8(key.unwrap().stdout).unwrap();
        std::fs::write(folder.path().join("key.pem"), &key).unwrap();
        let mut params = CertificateParams::new(vec!["sns.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(year, 1, 1);
        params.not_after = rcgen::date_time_ymd(year + 1, 1, 1);
        let certificate = params.self_signed(&KeyPair::from_pem(&key).unwrap()).unwrap().pem();
        Self { folder, certificate }
    }

    /// In PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The message with a signature of this version, "1" or "2".
    pub(super) fn signed(&self, mut message: Value, version: &str) -> Value {
        message["SignatureVersion"] = version.into();
        message["Signature"] = "".into();
        let delivery = Delivery::read(message.to_string().as_bytes()).unwrap();
        let digest = if version == "1" { "-sha1" } else { "-sha256" };
        let mut openssl = Command::new("openssl")
            .args(["dgst", digest, "-sign"])
            .arg(self.key())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = openssl.stdin.take().unwrap();
        input.write_all(delivery.signed_text().as_bytes()).unwrap();
        drop(input);
        let signature = openssl.wait_with_output().unwrap();
        assert!(signature.status.success());
        message["Signature"] = BASE64.encode(&signature.stdout).into();
        message
    }
}
