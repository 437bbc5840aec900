//! A server that answers as it is told: for what real ones do once in a while.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::credentials::{Environment, Sources};
use super::endpoint::{Endpoint, Endpoints, Service};
use super::settings::PAGE_INSTANCES;
use super::{Client, Settings, Timeouts};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and target: "GET /a?b".
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// What is done with it.
pub(crate) enum Reply {
    /// A whole answer, with these further lines in its head.
    Answer(u16, &'static str, String),
    /// The head announces more than there is, and then the connection ends.
    CutOff(String),
    /// The connection ends.
    Close,
    /// Nothing, for ever.
    Hang,
    /// A head, and then an octet of the body every few milliseconds, for ever.
    Trickle,
    /// These octets, and the end.
    Raw(&'static [u8]),
}

/// All is well.
pub(crate) fn ok(body: impl Into<String>) -> Reply {
    Reply::Answer(200, "", body.into())
}

type Script = dyn Fn(usize, &Asked) -> Reply + Send + Sync;

/// A running server.
pub(crate) struct TestServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TestServer {
    /// Answers each request by a function of how many came before it and of what it is.
    pub(crate) async fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let all = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), all.clone()));
            }
        });
        Self { address, asked }
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Settings with which this server is every service, below a path.
    pub(crate) fn settings(&self, path: &str, environment: Environment) -> Settings {
        let endpoint: Endpoint = format!("{}{path}", self.url()).parse().unwrap();
        let endpoints: BTreeMap<Service, Endpoint> = Service::ALL
            .into_iter()
            .map(|service| (service, endpoint.clone()))
            .collect();
        Settings {
            endpoints: Endpoints::new("eu-west-1", endpoints).unwrap(),
            sources: Sources {
                profile: None,
                environment,
            },
            authorities: None,
            page_instances: PAGE_INSTANCES,
            timeouts: Timeouts {
                connect: Duration::from_secs(1),
                silence: Duration::from_millis(200),
                total: Duration::from_millis(600),
            },
        }
    }

    /// A client of it with credentials.
    pub(crate) fn client(&self) -> Client {
        Client::for_all(self.settings("", keys()))
    }
}

/// An environment that has credentials.
pub(crate) fn keys() -> Environment {
    [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "SECRET")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn serve(stream: TcpStream, script: Arc<Script>, all: Arc<Mutex<Vec<Asked>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let asked = read(&mut stream).await?;
        let count = {
            let mut all = all.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        let text = match script(count, &asked) {
            Reply::Answer(status, headers, body) => {
                format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n{body}",
                    body.len()
                )
            }
            Reply::CutOff(body) => {
                let text = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len() + 1);
                stream.write_all(text.as_bytes()).await.ok()?;
                return None;
            }
            Reply::Close => return None,
            Reply::Hang => std::future::pending().await,
            Reply::Trickle => {
                stream
                    .write_all(b"HTTP/1.1 200 x\r\ncontent-length: 1000000\r\n\r\n")
                    .await
                    .ok()?;
                loop {
                    stream.write_all(b" ").await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Reply::Raw(octets) => {
                stream.write_all(octets).await.ok()?;
                return None;
            }
        };
        stream.write_all(text.as_bytes()).await.ok()?;
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim_start().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).ok()?,
    })
}
