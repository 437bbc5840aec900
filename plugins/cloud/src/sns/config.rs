//! `[sns]`, and `topics` wherever messages may come from some.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Span, Spanned, Table};
use ballast_shared::tls::{Identity, TlsFiles};

use super::trust::Believed;
use crate::hosts::Hosts;

/// The table as it stands in the files.
#[derive(Debug, Default)]
pub struct Spec {
    span: Option<Span>,
    listen: Option<Spanned<SocketAddr>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    hosts: Option<Spanned<Vec<Spanned<String>>>>,
    ca: Option<Spanned<PathBuf>>,
}

/// How topics deliver to us.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where.
    pub listen: SocketAddr,
    /// What we show who connects; without it nothing is encrypted, and nobody but this machine can connect.
    pub identity: Option<Arc<Identity>>,
    /// The files that it is from, which are followed.
    pub files: TlsFiles,
    /// Whose messages are believed.
    pub believed: Believed,
}

impl Spec {
    /// Reads `[sns]` of one of the files.
    pub fn read(&mut self, table: &Table<'_>) {
        self.span.get_or_insert(table.span());
        table.once("listen", &mut self.listen);
        table.once("certificate", &mut self.certificate);
        table.once("key", &mut self.key);
        table.once("hosts", &mut self.hosts);
        table.once("ca", &mut self.ca);
    }

    /// Where it stands, if it does.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// What it comes to. What is wrong is reported.
    #[must_use]
    pub fn resolve(self, diagnostics: &Diagnostics) -> Option<Config> {
        let span = self.span?;
        if self.listen.is_none() {
            diagnostics.error(span, "`listen` is missing here");
        }
        let files = TlsFiles::default();
        let authorities = self.ca.as_ref().map(|ca| {
            let read = files.authorities(&ca.value);
            read.map_err(|error| diagnostics.error(ca.span, error.to_string()))
        });
        let identity = self.identity(&files, diagnostics);
        let hosts = hosts(self.hosts, diagnostics);
        Some(Config {
            listen: self.listen?.value,
            identity,
            files,
            believed: Believed {
                hosts,
                authorities: authorities.transpose().ok()?,
            },
        })
    }

    fn identity(&self, files: &TlsFiles, diagnostics: &Diagnostics) -> Option<Arc<Identity>> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let read = files.identity(&certificate.value, &key.value);
                let reported = read.map_err(|error| diagnostics.error(certificate.span, error.to_string()));
                reported.ok()
            }
            (Some(alone), None) | (None, Some(alone)) => {
                diagnostics.error(alone.span, "`certificate` and `key` go together");
                None
            }
            (None, None) => {
                if let Some(listen) = self.listen.as_ref().filter(|listen| !listen.value.ip().is_loopback()) {
                    let message = "topics deliver over TLS: `certificate` and `key` are missing here, or an address of this machine alone";
                    diagnostics.error(listen.span, message);
                }
                None
            }
        }
    }
}

fn hosts(written: Option<Spanned<Vec<Spanned<String>>>>, diagnostics: &Diagnostics) -> Hosts {
    let Some(written) = written else {
        return Hosts::sns();
    };
    let read = Hosts::read_exact(written.value.iter().map(|host| host.value.as_str()));
    read.unwrap_or_else(|wrong| {
        for host in written.value.iter().filter(|host| host.value == wrong) {
            diagnostics.error(host.span, "not a host: \"HOST\", or \"http://HOST:PORT\" without TLS");
        }
        Hosts::sns()
    })
}

/// Reports what is not a topic's ARN.
pub fn check_topics(topics: &[Spanned<String>], diagnostics: &Diagnostics) {
    for topic in topics.iter().filter(|topic| !is_topic(&topic.value)) {
        diagnostics.error(topic.span, "not a topic: \"arn:aws:sns:REGION:ACCOUNT:NAME\"");
    }
}

fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_part = |part: &&str| {
        let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(is_of_names)
    };
    parts.len() == 6 && parts[0] == "arn" && parts[2] == "sns" && parts.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use ballast_shared::config::load;

    use super::*;

    fn read(text: &str) -> (Option<Config>, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloudd.toml");
        let made = rcgen::generate_simple_self_signed(["cloudd.test".to_owned()]).unwrap();
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(&path, text).unwrap();
        let diagnostics = Diagnostics::new();
        let mut spec = Spec::default();
        load(&path, &diagnostics, &mut |root| {
            if let Some(table) = root.table("sns") {
                spec.read(&table);
            }
        });
        let config = spec.resolve(&diagnostics);
        (config, diagnostics.to_string())
    }

    #[test]
    fn a_listener_has_a_certificate_or_is_for_this_machine_alone() {
        let (config, said) = read("[sns]\nlisten = \"0.0.0.0:8443\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n");
        assert!(config.unwrap().identity.is_some() && said.is_empty(), "{said}");
        let (config, said) = read("[sns]\nlisten = \"127.0.0.1:8080\"\nhosts = [\"http://127.0.0.1:4566\"]\n");
        assert!(config.unwrap().identity.is_none() && said.is_empty(), "{said}");
        let (config, said) = read("");
        assert!(config.is_none() && said.is_empty(), "{said}");
    }

    #[test]
    fn all_that_is_wrong_is_reported_with_its_place() {
        for (text, wanted) in [
            ("certificate = \"cert.pem\"\n", ":1:1: `listen` is missing here"),
            ("listen = \"0.0.0.0:1\"\n", ":2:11: topics deliver over TLS"),
            (
                "listen = \"127.0.0.1:1\"\nkey = \"key.pem\"\n",
                ":3:8: `certificate` and `key` go together",
            ),
            (
                "listen = \"127.0.0.1:1\"\ncertificate = \"none\"\nkey = \"none\"\n",
                ":3:16: ",
            ),
            ("listen = \"127.0.0.1:1\"\nca = \"none\"\n", ":3:7: "),
            (
                "listen = \"127.0.0.1:1\"\nhosts = [\"a.test\", \".amazonaws.com\"]\n",
                ":3:21: not a host",
            ),
            ("listen = \"127.0.0.1:1\"\nhost = []\n", ":3:1: unknown key `host`"),
        ] {
            let (_, said) = read(&format!("[sns]\n{text}"));
            assert!(said.contains(wanted), "{wanted} is not in\n{said}");
        }
    }

    #[test]
    fn topics_are_named_by_their_arns() {
        assert!(is_topic("arn:aws:sns:eu-west-1:123456789012:alarms") && is_topic("arn:aws-cn:sns:cn-north-1:1:a_b-c"));
        for arn in [
            "",
            "alarms",
            "arn:aws:sqs:eu-west-1:1:q",
            "arn:aws:sns:eu-west-1:1:a:b",
            "arn:aws:sns::1:a",
            "arn:aws:sns:r:1:*",
        ] {
            assert!(!is_topic(arn), "{arn}");
        }
    }
}
