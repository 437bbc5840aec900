//! Servers that stand for a cloud: moto and ministack, which answer as AWS's services do.

pub mod machine;
pub mod topic;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::built;
use crate::peers::Peer;
use crate::{address, wait};

/// The region that everything is in.
pub const REGION: &str = "us-east-1";

/// A program of scripts/python-peers.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn python_peer(name: &str) -> PathBuf {
    let target = built()
        .parent()
        .map(Path::to_owned)
        .expect("a profile is a folder of target/");
    let program = target.join("python-peers/bin").join(name);
    assert!(program.exists(), "{}: scripts/install test", program.display());
    program
}

/// What answers as AWS's services do, at one address.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    serves: SocketAddr,
}

/// A running moto, which has most of them. It ends when this is dropped.
pub struct Moto {
    api: Api,
    _peer: Peer,
    _directory: TempDir,
}

impl Moto {
    /// Starts one with nothing in it but the default network.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let serves = SocketAddr::from((address(0), 5000));
        let mut command = Command::new(python_peer("moto_server"));
        command
            .args(["-H", &serves.ip().to_string(), "-p", "5000"])
            .current_dir(directory.path());
        let peer = Peer::start("moto", command, directory.path(), serves);
        let api = Api { serves };
        wait::until("moto to answer", || {
            api.request("GET", "ec2", "/moto-api/", &[], "").ok()
        });
        Self {
            api,
            _peer: peer,
            _directory: directory,
        }
    }
}

impl Deref for Moto {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// A running ministack, whose alarms go off, whose topics deliver, and whose stacks are made. It ends when this is dropped.
pub struct Ministack {
    api: Api,
    _peer: Peer,
    _directory: TempDir,
}

/// What its accounts are called.
pub const MINISTACK_ACCOUNT: &str = "000000000000";

impl Ministack {
    /// Starts one with nothing in it.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let serves = SocketAddr::from((address(0), 4566));
        let host = serves.ip().to_string();
        let mut command = Command::new(python_peer("ministack"));
        command
            .env("BIND_HOST", &host)
            .env("MINISTACK_HOST", &host)
            .env("GATEWAY_PORT", serves.port().to_string())
            // It would listen elsewhere too.
            .env("IOT_MTLS_ENABLED", "0")
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .current_dir(directory.path());
        let peer = Peer::start("ministack", command, directory.path(), serves);
        let api = Api { serves };
        wait::until("ministack to answer", || {
            api.request("GET", "s3", "/_ministack/health", &[], "").ok()
        });
        Self {
            api,
            _peer: peer,
            _directory: directory,
        }
    }
}

impl Deref for Ministack {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Api {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serves
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.serves)
    }

    /// Makes a call of the query protocol, which has to succeed; gives the XML that comes back.
    ///
    /// # Panics
    /// When it is refused.
    pub fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let mut body = format!("Action={action}");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.request("POST", service, "/", &headers, &body)
            .unwrap_or_else(|answer| panic!("{action}: {answer}"))
    }

    /// Makes a call of the JSON protocol, which has to succeed.
    ///
    /// # Panics
    /// When it is refused.
    pub fn json(&self, service: &str, target: &str, body: &serde_json::Value) -> serde_json::Value {
        let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
        let answer = self.request("POST", service, "/", &headers, &body.to_string());
        let answer = answer.unwrap_or_else(|answer| panic!("{target}: {answer}"));
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Makes a request; gives the body, as an error if it was refused. Moto tells services apart by what a request is signed
    /// for, and compares no signature.
    ///
    /// # Errors
    /// With the whole answer when it is no success.
    pub fn request(
        &self,
        method: &str,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String, String> {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let text = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=00\r\n{headers}\r\n{body}",
            self.serves,
            body.len()
        );
        let mut stream = TcpStream::connect(self.serves).map_err(|error| error.to_string())?;
        stream.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| answer.clone())?;
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(body.to_owned()),
            _ => Err(answer),
        }
    }
}

/// The text of the first element of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn text_of(xml: &str, name: &str) -> String {
    all_texts_of(xml, name)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no {name} in {xml}"))
}

/// The texts of all elements of this name.
#[must_use]
pub fn all_texts_of(xml: &str, name: &str) -> Vec<String> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&begin).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(&end)?.0.to_owned()))
        .collect()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
            _ => format!("%{octet:02X}"),
        })
        .collect()
}
