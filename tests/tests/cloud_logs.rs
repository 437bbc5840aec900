//! The suite together: a machine of cloudd's inventory has its log in a directory named for what it is, whatever comes and goes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, HTTP_PORT, metric};
use ballast_tests::{address, wait};
use tokio::net::TcpSocket;

const LOGD: u8 = 0;
const MACHINE: u8 = 1;

fn cloudd(inventory: &str) -> Daemon {
    let config = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
        [provider.racks.static]\nfile = \"inventory.toml\"\n";
    Setup::new("cloudd")
        .file("cloudd.toml", config)
        .file("inventory.toml", inventory)
        .start()
}

fn logd(plugin: &Path) -> Daemon {
    let config = format!(
        "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\nhttp = \"{}:{HTTP_PORT}\"\n\
         [plugin.cloud]\nsocket = \"{}\"\n\
         [input.net.tcp]\nlisten = [\"{}\"]\n\
         [output.all.file]\npath = \"log/%cloud-group%/%cloud-id%/%programname%\"\nformat = '%msg%\\n'\nflush-interval = \"10ms\"\n\
         [[rule]]\nto = [\"all\"]\n",
        address(LOGD),
        plugin.display(),
        syslog::collector(address(LOGD)),
    );
    Setup::new("logd").file("logd.toml", config).start()
}

fn machine(id: &str, group: &str) -> String {
    format!(
        "[host.{id}]\ngroup = \"{group}\"\naddresses = [\"{}\"]\n",
        address(MACHINE)
    )
}

fn connect() -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address(MACHINE), 0).into()).unwrap();
        socket
            .connect(syslog::collector(address(LOGD)))
            .await
            .unwrap()
            .into_std()
            .unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

fn say(stream: &mut TcpStream, text: &str) {
    stream
        .write_all(format!("<13>Oct 11 22:14:15 host app: {text}\n").as_bytes())
        .unwrap();
}

fn wait_for_state(state: &str) {
    wait::until(&format!("the inventory to be {state}"), || {
        let labels = format!("state=\"{state}\"");
        (metric(address(LOGD), "logd_plugin_state", &[&labels]) == 1.0).then_some(())
    });
}

fn lines(logd: &Daemon, file: &str, count: usize) -> String {
    String::from_utf8(wait::until_lines(&logd.path().join("log").join(file), count)).unwrap()
}

#[test]
fn a_log_stands_under_what_its_sender_is() {
    let cloudd = cloudd(&machine("i-1", "web"));
    let logd = logd(&cloudd.path().join("plugin.sock"));
    wait_for_state("fresh");
    let mut connection = connect();
    say(&mut connection, "one");
    assert_eq!(lines(&logd, "web/i-1/app", 1), " one\n");

    // Another machine has the address now.
    cloudd.replace("inventory.toml", machine("i-2", "db"));
    let mut connection = wait::until("the next machine's directory", || {
        let mut connection = connect();
        say(&mut connection, "two");
        logd.path().join("log/db/i-2/app").exists().then_some(connection)
    });

    // Nothing that cloudd does takes a message away.
    drop(cloudd);
    say(&mut connection, "three");
    wait::until_file(&logd.path().join("log/db/i-2/app"), |content| {
        content.ends_with(b" three\n")
    });
    let (status, left) = logd.stop();
    assert!(status.success(), "{}", left.log);
}
