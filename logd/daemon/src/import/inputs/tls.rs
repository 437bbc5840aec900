//! TLS of inputs: what they show to their clients, and what these have to show.

use super::{Kind, Value};
use crate::import::legacy::is_on;

/// The files of one end.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    pub(super) ca: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
}

/// What is said of TLS, of all inputs of a module or of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {
    /// Whether it is spoken at all: the rest may be said where it isn't.
    pub(super) is_on: bool,
    mode: Option<String>,
    peers: Vec<String>,
    files: Files,
}

/// How clients prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    /// A certificate that an authority has signed.
    Signed,
    /// The same, for a name that is permitted.
    Named,
    /// A certificate whose fingerprint is permitted, whoever has signed it.
    Fingerprint,
}

impl Tls {
    /// Takes a parameter, or what stands behind `$InputTCPServer`; whether it is one of TLS.
    pub(super) fn set(&mut self, name: &str, value: &str) -> bool {
        let text = || Some(value.to_owned());
        match name.replace('.', "").as_str() {
            "streamdrivermode" | "tls" => self.is_on = is_on(value),
            "streamdriverauthmode" | "tlsauthmode" => self.mode = Some(value.to_ascii_lowercase()),
            "permittedpeer" | "streamdriverpermittedpeer" | "tlspermittedpeer" => self.peers.push(value.to_owned()),
            "streamdrivercafile" | "tlscacert" => self.files.ca = text(),
            "streamdrivercertfile" | "tlsmycert" => self.files.certificate = text(),
            "streamdriverkeyfile" | "tlsmyprivkey" => self.files.key = text(),
            _ => return false,
        }
        true
    }

    fn proof(&self, kind: Kind) -> Proof {
        match self.mode.as_deref().map(|mode| mode.trim_start_matches("x509/")) {
            Some("anon") => Proof::None,
            Some("certvalid") => Proof::Signed,
            Some("fingerprint") => Proof::Fingerprint,
            // librelp asks for nothing unless it is told to, the drivers of streams for a name.
            None if kind == Kind::Relp => Proof::None,
            _ => Proof::Named,
        }
    }

    /// The value of `tls`; why there is none.
    ///
    /// # Errors
    /// When an input with it would take what rsyslogd's doesn't take, or nothing.
    pub(super) fn table(&self, kind: Kind, defaults: &Files) -> Result<Value, &'static str> {
        let file = |own: &Option<String>, default: &Option<String>| own.clone().or(default.clone()).map(Value::Text);
        let certificate = file(&self.files.certificate, &defaults.certificate);
        let key = file(&self.files.key, &defaults.key);
        let (Some(certificate), Some(key)) = (certificate, key) else {
            return Err("over TLS it needs a certificate and a key: DefaultNetstreamDriverCertFile and -KeyFile");
        };
        let mut table = vec![("certificate", certificate), ("key", key)];
        let proof = self.proof(kind);
        if matches!(proof, Proof::Signed | Proof::Named) {
            let ca = file(&self.files.ca, &defaults.ca);
            table.push((
                "client-ca",
                ca.ok_or("it asks for certificates and names nobody who signs them: DefaultNetstreamDriverCAFile")?,
            ));
        }
        if matches!(proof, Proof::Named | Proof::Fingerprint) {
            if self.peers.is_empty() {
                return Err("rsyslogd lets nobody in there: without an AuthMode clients need a PermittedPeer's name");
            }
            table.push(("permitted-peers", Value::texts(self.peers.iter().cloned())));
        }
        Ok(Value::Inline(table))
    }

    /// Whether it names peers that nobody looks for.
    pub(super) fn has_idle_peers(&self, kind: Kind) -> bool {
        !self.peers.is_empty() && matches!(self.proof(kind), Proof::None | Proof::Signed)
    }
}
