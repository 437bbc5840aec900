//! A reload takes all of a configuration or nothing of it, and loses no connection and no message.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::output::file::{Store, StoreLimits};

/// A daemon without its lifecycle.
struct Daemon {
    directory: TempDir,
    address: SocketAddr,
    input: &'static str,
    service: Arc<Service>,
    inputs: Inputs,
    workers: Workers,
    plugins: Plugins,
    secrets: Secrets,
    fixed: Fixed,
    supervisor: Supervisor,
}

impl Daemon {
    fn start(rest: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        write(&directory, "net", address, rest);
        let diagnostics = Diagnostics::new();
        let path = directory.path().join("logd.toml");
        let secrets = Secrets::default();
        let mut config = config::read(&path, &TlsFiles::default(), &secrets, &diagnostics).unwrap();
        let store = Store::new(StoreLimits {
            buffer_bytes_max: 1 << 20,
            open_files_max: 10,
        });
        let fixed = Fixed::of(&config);
        let service = Arc::new(Service::new(
            &mut config,
            store,
            Plugins::default().prepare(&[]).inventory,
        ));
        let mut inputs = Inputs::new(service.clone());
        let supervisor = Supervisor::new();
        let prepared = inputs.prepare(&config.inputs, &mut Inherited::default()).unwrap();
        inputs.apply(prepared, &supervisor, &Cores::current());
        Self {
            fixed,
            directory,
            address,
            input: "net",
            service,
            inputs,
            workers: Workers::new(&supervisor),
            plugins: Plugins::default(),
            secrets,
            supervisor,
        }
    }

    async fn reload(&mut self, rest: &str) -> Result<(), ReloadError> {
        write(&self.directory, self.input, self.address, rest);
        let path = self.directory.path().join("logd.toml");
        let mut turns = Turns::new(path, TlsFiles::default(), self.secrets.clone());
        let (answer, answered) = oneshot::channel();
        turns.ask(Asker::Call(answer));
        let config = turns.next().await;
        let service = &self.service;
        let running = Running {
            inputs: &mut self.inputs,
            workers: &mut self.workers,
            plugins: &mut self.plugins,
            secrets: &self.secrets,
        };
        let done = config.and_then(|config| {
            take(
                *config,
                &self.fixed,
                running,
                service,
                &self.supervisor,
                Handles {
                    cores: &Cores::current(),
                    delivering: &Handle::current(),
                },
            )
        });
        turns.settle(done.map(drop), service);
        tokio::select! {
            _ = turns.next() => unreachable!("no other reload was asked for"),
            outcome = answered => outcome.unwrap(),
        }
    }

    /// Sends a message and waits until it is taken.
    async fn send(&self, connection: &mut TcpStream, text: &str) {
        let before = self.service.store.buffered_bytes();
        connection.write_all(format!("{text}\n").as_bytes()).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.service.store.buffered_bytes() == before {
            assert!(Instant::now() < deadline, "{text:?} was not taken");
            tokio::task::yield_now().await;
        }
    }

    fn written(&self, name: &str) -> String {
        self.service.store.reopen();
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

fn write(directory: &TempDir, input: &str, address: SocketAddr, rest: &str) {
    let input = format!("[input.{input}.tcp]\nlisten = [\"{address}\"]\n");
    fs::write(directory.path().join("logd.toml"), format!("{rest}\n{input}")).unwrap();
}

const TO_A: &str = "[[rule]]\nto = [\"log/a\"]\n[default.file]\nformat = \"%rawmsg%\"";
const TO_B: &str = "[[rule]]\nto = [\"log/b\"]\n[default.file]\nformat = \"%rawmsg%\"";

#[tokio::test]
async fn who_serves_writes_only_where_the_configuration_has_one_directory_and_no_other_output() {
    let rules = |to: &str| format!("[output.pipe.pipe]\npath = \"pipe\"\n[[rule]]\nto = [{to}]\n");
    let without_pipe = "[[rule]]\nto = [\"log/a\", \"srv/b\"]\n";
    // Before a message has gone to any of them.
    let mut running = Daemon::start(without_pipe);
    assert!(!running.service.store.servers_write(), "two directories");
    running.reload(TO_A).await.unwrap();
    assert!(running.service.store.servers_write());
    running.reload(&rules("\"log/a\", \"pipe\"")).await.unwrap();
    assert!(!running.service.store.servers_write(), "another output");
}

#[tokio::test]
async fn connections_stay_and_their_next_messages_go_the_new_way() {
    let mut running = Daemon::start(TO_A);
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    running.send(&mut connection, "one").await;
    running.reload(TO_B).await.unwrap();
    running.send(&mut connection, "two").await;
    assert_eq!(
        (running.written("log/a").as_str(), running.written("log/b").as_str()),
        ("one\n", "two\n")
    );
}

#[tokio::test]
async fn open_connections_belong_to_the_input_that_has_their_address_now() {
    let rule = |input: &str| format!("{TO_A}\n[[rule]]\nfrom = [\"{input}\"]\nto = [\"log/{input}\"]\n");
    let mut running = Daemon::start(&rule("net"));
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    running.send(&mut connection, "one").await;
    running.input = "renamed";
    running.reload(&rule("renamed")).await.unwrap();
    running.send(&mut connection, "two").await;
    assert_eq!(
        (
            running.written("log/net").as_str(),
            running.written("log/renamed").as_str()
        ),
        ("one\n", "two\n")
    );
    let status: Vec<_> = running
        .inputs
        .status()
        .into_iter()
        .map(|i| (i.name, i.connections))
        .collect();
    assert_eq!(status, [("renamed".to_owned(), 1)]);
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing_and_is_told_with_its_lines() {
    let mut running = Daemon::start(TO_A);
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let error = running.reload("[[rule]]\nto = [\"nowhere\"]").await.unwrap_err();
    assert!(
        error.to_string().contains("logd.toml:2:8: no output \"nowhere\""),
        "{error}"
    );
    running.send(&mut connection, "one").await;
    assert_eq!(running.written("log/a"), "one\n");
}

#[tokio::test]
async fn an_address_that_is_held_changes_nothing() {
    let mut running = Daemon::start(TO_A);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let another = format!(
        "{TO_B}\n[input.held.tcp]\nlisten = [\"{}\"]",
        held.local_addr().unwrap()
    );
    let error = running.reload(&another).await.unwrap_err();
    assert!(
        matches!(&error, ReloadError::Bind(errors) if errors.len() == 1),
        "{error}"
    );
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    running.send(&mut connection, "one").await;
    assert_eq!(
        (running.written("log/a").as_str(), running.inputs.status().len()),
        ("one\n", 1)
    );
}

#[tokio::test]
async fn what_takes_a_restart_is_refused_by_name() {
    let mut running = Daemon::start(TO_A);
    let error = running
        .reload(&format!("work-dir = \"elsewhere\"\n{TO_B}"))
        .await
        .unwrap_err();
    assert!(matches!(error, ReloadError::NeedsRestart("work-dir")), "{error}");
}

#[tokio::test]
async fn what_the_dropped_privileges_cannot_do_any_more_takes_a_restart() {
    let process = "[process]\nuser = \"nobody\"\n";
    let mut running = Daemon::start(&format!("{process}{TO_A}"));
    let error = running
        .reload(&format!("{process}{TO_A}\ngroup = \"nogroup\""))
        .await
        .unwrap_err();
    assert!(matches!(error, ReloadError::NeedsRestart("owner")), "{error}");
    let error = running
        .reload(&format!("{process}umask = \"027\"\n{TO_A}"))
        .await
        .unwrap_err();
    assert!(matches!(error, ReloadError::NeedsRestart("process.umask")), "{error}");
    running.reload(&format!("{process}{TO_A}")).await.unwrap();
}

#[tokio::test]
async fn an_input_that_is_gone_reads_its_connections_empty_and_closes_them() {
    let mut running = Daemon::start(TO_A);
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    running.send(&mut connection, "one").await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = std::mem::replace(&mut running.address, other);
    running.reload(TO_A).await.unwrap();
    let mut end = [0; 1];
    let read = tokio::io::AsyncReadExt::read(&mut connection, &mut end).await;
    assert_eq!(read.unwrap_or(0), 0, "the connection is closed");
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(gone).await.is_ok() {
        assert!(Instant::now() < deadline, "the socket is closed");
    }
    TcpStream::connect(other).await.unwrap();
    assert_eq!(running.written("log/a"), "one\n");
}
