//! A topic that delivers over HTTPS what it has signed. No server of those that stand for a cloud does: moto signs with a key whose
//! certificate is nowhere and asks for no confirmation, and ministack signs "FAKE".

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::output;

/// The path of its certificate.
const CERTIFICATE: &str = "/SimpleNotificationService-0123456789abcdef.pem";

/// A topic, and a host that has its certificate and takes confirmations.
pub struct Topic {
    arn: String,
    folder: TempDir,
    host: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    certificate: String,
    asked: Vec<String>,
}

impl Topic {
    /// With a key of its own, which `openssl` makes, and a host at an address of the test's own.
    ///
    /// # Panics
    /// When that can't be made.
    #[must_use]
    pub fn new(name: &str, at: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = |file: &str| folder.path().join(file).to_str().expect("a path of text").to_owned();
        let (key, certificate) = (path("key.pem"), path("certificate.pem"));
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj"];
        let named = ["/CN=sns.test", "-keyout", &key, "-out", &certificate];
        output("openssl", made.iter().chain(&named));
        let listener = TcpListener::bind(at).expect("an address of the test's own");
        let state = Arc::new(Mutex::new(State {
            certificate: fs::read_to_string(certificate).expect("openssl has written it"),
            asked: Vec::new(),
        }));
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away is none.
                let _ = answer(client, &shared);
            }
        });
        Self {
            arn: format!("arn:aws:sns:us-east-1:123456789012:{name}"),
            folder,
            host: at,
            state,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Where its certificate is, and where subscriptions are confirmed.
    #[must_use]
    pub fn host(&self) -> String {
        format!("http://{}", self.host)
    }

    /// What the host was asked for: "GET /…", "PUT /… BODY". It says yes to everything.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Has another certificate, for what another has signed.
    pub fn set_certificate(&self, pem: &str) {
        pem.clone_into(&mut self.state().certificate);
    }

    /// Where its certificate is.
    #[must_use]
    pub fn certificate_url(&self) -> String {
        format!("{}{CERTIFICATE}", self.host())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message that somebody has published now, signed with SHA-256.
    #[must_use]
    pub fn notification(&self, id: &str, subject: Option<&str>, message: &str) -> Value {
        let mut notification = self.message("Notification", id, message);
        if let Some(subject) = subject {
            notification["Subject"] = subject.into();
        }
        self.signed(notification, "2")
    }

    /// That somebody wants it to deliver, signed with SHA-1.
    #[must_use]
    pub fn subscription(&self) -> Value {
        let mut subscription = self.message(
            "SubscriptionConfirmation",
            "subscription",
            "You have chosen to subscribe.",
        );
        subscription["Token"] = "token-of-37".into();
        let url = format!(
            "{}/?Action=ConfirmSubscription&TopicArn={}&Token=token-of-37",
            self.host(),
            self.arn
        );
        subscription["SubscribeURL"] = url.into();
        self.signed(subscription, "1")
    }

    fn message(&self, kind: &str, id: &str, message: &str) -> Value {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.expect("after 1970").as_secs().to_string();
        let date = output("date", ["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%S.000Z"]);
        json!({
            "Type": kind, "MessageId": id, "TopicArn": self.arn, "Message": message, "Timestamp": date.trim(),
            "SigningCertURL": self.certificate_url(),
        })
    }

    /// Signs it, as AWS says: some fields, in the order of their names, each on two lines.
    fn signed(&self, mut message: Value, version: &str) -> Value {
        let fields: &[&str] = match message["Type"].as_str() {
            Some("Notification") => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            _ => &[
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ],
        };
        let lines = fields
            .iter()
            .filter_map(|field| Some(format!("{field}\n{}\n", message[field].as_str()?)));
        let signature = self.signature(&lines.collect::<String>(), version);
        message["SignatureVersion"] = version.into();
        message["Signature"] = signature.into();
        message
    }

    fn signature(&self, text: &str, version: &str) -> String {
        let digest = if version == "1" { "-sha1" } else { "-sha256" };
        let mut openssl = Command::new("openssl")
            .args(["dgst", digest, "-sign"])
            .arg(self.folder.path().join("key.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl");
        let mut input = openssl.stdin.take().expect("it is piped");
        input.write_all(text.as_bytes()).expect("openssl reads it");
        drop(input);
        let signed = openssl.wait_with_output().expect("openssl ends");
        assert!(signed.status.success(), "openssl dgst");
        BASE64.encode(&signed.stdout)
    }

    /// Delivers a message to `https://…` as SNS does; gives the code of the answer.
    #[must_use]
    pub fn deliver(&self, to: SocketAddr, ca: &Path, message: &Value) -> String {
        let ca = ca.display().to_string();
        self.post(&["--cacert", &ca, &format!("https://{to}/")], message)
    }

    /// The same to `http://…`.
    #[must_use]
    pub fn deliver_plainly(&self, to: SocketAddr, message: &Value) -> String {
        self.post(&[&format!("http://{to}/")], message)
    }

    fn post(&self, to: &[&str], message: &Value) -> String {
        let body = self.folder.path().join("body");
        fs::write(&body, message.to_string()).expect("a file of ours");
        let body = format!("@{}", body.display());
        let arguments = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];
        let request = [
            "--header",
            "Content-Type: text/plain; charset=UTF-8",
            "--data-binary",
            &body,
        ];
        output("curl", arguments.iter().chain(&request).chain(to))
    }
}

fn answer(client: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head)? > 2 {
        let header = head.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.clear();
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent)?;
    let asked = line.trim_end().trim_end_matches(" HTTP/1.1");
    let asked = format!("{asked} {}", String::from_utf8_lossy(&sent))
        .trim_end()
        .to_owned();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let body = match asked.ends_with(CERTIFICATE) {
        true => state.certificate.clone(),
        false => "<ConfirmSubscriptionResponse/>".to_owned(),
    };
    state.asked.push(asked);
    drop(state);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}{body}").as_bytes())
}
