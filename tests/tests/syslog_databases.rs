//! The outputs `postgres`, `mysql` and `sqlite`, with the servers of Debian's packages: each message is a row, once, whatever
//! happens to the server and to the connection.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, Setup, output};
use ballast_tests::databases::between::Between;
use ballast_tests::databases::{Kind, Server};
use ballast_tests::syslog::{self, Framing, collector, metric};
use ballast_tests::{address, port, wait};

const LOGD: u8 = 0;

/// Enough for several batches.
const MESSAGES: usize = 5_000;

fn server(kind: Kind) -> Server {
    Server::start(kind, at(kind))
}

fn at(kind: Kind) -> SocketAddr {
    match kind {
        Kind::Postgres => SocketAddr::from((address(1), 5432)),
        // It listens where it is told to, and its client takes no address of 127.0.0.0/8 for another machine's.
        Kind::MariaDb => SocketAddr::from((address(1), port())),
    }
}

/// logd, with everything going to a database at an address.
fn logd(kind: Kind, server: &Server, at: SocketAddr, keys: &str) -> Daemon {
    let kind = match kind {
        Kind::Postgres => "postgres",
        Kind::MariaDb => "mysql",
    };
    let spec = format!(
        "[output.db.{kind}]\nurl = \"{}\"\npassword-file = \"password\"\n{keys}\n[[rule]]\nto = [\"db\"]\n",
        server.url(at)
    );
    Setup::new("logd")
        .file("password", format!("{}\n", server.password()))
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &spec)
        .start()
}

fn send(messages: &[String]) {
    syslog::send(collector(address(LOGD)), &Framing::OctetCounted.frame(messages));
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers
        .map(|n| format!("<13>1 2026-12-01T12:00:00.123456Z web1 app 42 - - message {n} of many"))
        .collect()
}

/// The messages that are in the table, in the order of its rows.
fn rows(server: &Server) -> Vec<String> {
    // There is no table yet while it is made.
    server
        .try_rows("SELECT message FROM logd_messages ORDER BY id")
        .unwrap_or_default()
}

/// Waits until so many rows are there, and asserts that they are the messages of these numbers, each once.
#[track_caller]
fn assert_all(server: &Server, count: usize) {
    let number = |row: &String| row.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let found = wait::until(&format!("{count} rows"), || {
        let rows = rows(server);
        (rows.len() >= count).then_some(rows)
    });
    let numbers: Vec<_> = found.iter().map(number).collect();
    let different: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(
        (numbers.len(), different.len()),
        (count, count),
        "none twice, none missing"
    );
    assert!(numbers.is_sorted(), "in their order");
}

/// Of a message each part has its column, and what is no text is kept as octal digits; a row that the server refuses keeps no
/// other out.
fn messages_are_rows(kind: Kind) {
    let server = server(kind);
    let logd = logd(kind, &server, server.serves(), "");
    let odd: Vec<Vec<u8>> = vec![
        b"<165>1 2026-12-01T13:00:00.5+01:00 web1 app 42 ID47 [a@1 b=\"c\"] Gr\xc3\xbc\xc3\x9fe, \xf0\x9f\x99\x82"
            .to_vec(),
        b"<34>Oct 11 22:14:15 web2 sshd[1]: bad \xff byte, NUL \0 within".to_vec(),
    ];
    syslog::send(collector(address(LOGD)), &Framing::OctetCounted.frame(&odd));
    wait::until("both rows", || {
        let count = server.try_rows("SELECT count(*) FROM logd_messages").ok()?;
        (count == ["2"]).then_some(())
    });
    let columns = "host, sender, facility, severity, program, procid, msgid, structured_data, message";
    let found = server.query(&format!("SELECT {columns} FROM logd_messages ORDER BY id"));
    let sender = found[0].split('\t').nth(1).unwrap().to_owned();
    assert!(sender.starts_with("127."), "{sender}");
    assert_eq!(
        found,
        [
            format!("web1\t{sender}\t20\t5\tapp\t42\tID47\t[a@1 b=\"c\"]\tGrüße, 🙂"),
            format!("web2\t{sender}\t4\t2\tsshd\t1\t-\t-\tbad #377 byte, NUL #000 within"),
        ]
    );
    let noon = match kind {
        Kind::Postgres => "SELECT count(*) FROM logd_messages WHERE reported = '2026-12-01T12:00:00.5Z'",
        Kind::MariaDb => "SELECT count(*) FROM logd_messages WHERE reported = '2026-12-01 12:00:00.5'",
    };
    assert_eq!(
        server.query(noon),
        ["1"],
        "the time it was, in whatever zone it was said"
    );

    // A condition of the administrator's own.
    drop(server.query("ALTER TABLE logd_messages ADD CHECK (message NOT LIKE '%poison%')"));
    let mut messages = numbered(0..1000);
    for at in [0, 499, 999] {
        messages[at] += " poison";
    }
    send(&messages);
    wait::until("the rows that are taken", || {
        (server.query("SELECT count(*) FROM logd_messages") == ["999"]).then_some(())
    });
    let refused = || metric(address(LOGD), "logd_output_dropped_total", &["refused"]);
    wait::until("the refused rows to be counted", || (refused() == 3.0).then_some(()));
    assert!(!logd.log().contains(server.password()), "secrets stay out of the log");
    assert!(logd.stop().0.success());
}

/// Nothing is lost and nothing is there twice: over kills of the server, replies that are lost, and a server that hangs.
fn each_message_is_there_once(kind: Kind) {
    let mut server = server(kind);
    let between = Between::start(address(2), server.serves());
    let keys = "timeout = \"1s\"\nqueue = { max = \"1MiB\", when-full = \"block\" }";
    let logd = logd(kind, &server, between.serves(), keys);

    // The replies to some commits are lost on the way.
    between.lose_replies(5);
    let mut sent = 0;
    while between.lost() < 5 {
        send(&numbered(sent..sent + 100));
        sent += 100;
        // One batch after the other, so that there are as many commits.
        wait::until("the batch", || (rows_if_there(&server) >= sent).then_some(()));
    }
    assert_all(&server, sent);

    // The server is killed in the middle of it, and comes back.
    for _ in 0..2 {
        let before = sent;
        let sender = thread::spawn(move || send(&numbered(before..before + MESSAGES)));
        wait::until("some rows", || (rows_if_there(&server) > before).then_some(()));
        server.kill();
        server.start_again();
        sender.join().unwrap();
        sent += MESSAGES;
        assert_all(&server, sent);
    }

    // Somebody empties the table of the batches, which says nothing of those to come.
    drop(server.query("DELETE FROM logd_batches"));
    send(&numbered(sent..sent + 100));
    sent += 100;
    assert_all(&server, sent);

    // It takes requests and does nothing.
    between.hang(true);
    send(&numbered(sent..sent + 100));
    sent += 100;
    logd.wait_for_log("no answer within 1s");
    between.hang(false);
    assert_all(&server, sent);

    assert_eq!(metric(address(LOGD), "logd_output_dropped_total", &[]), 0.0);
    assert!(metric(address(LOGD), "logd_output_errors_total", &["db"]) > 0.0);
    assert!(logd.stop().0.success());
    assert_all(&server, sent);
}

fn rows_if_there(server: &Server) -> usize {
    let count = server
        .try_rows("SELECT count(*) FROM logd_messages")
        .unwrap_or_default();
    count.first().map_or(0, |count| count.parse().unwrap())
}

/// rsyslog's own table, as its web front ends read it.
fn system_events(kind: Kind) {
    let server = server(kind);
    let logd = logd(kind, &server, server.serves(), "schema = \"system-events\"");
    syslog::send(
        collector(address(LOGD)),
        b"<34>Oct 11 22:14:15 web1 sshd[42]: Accepted\n",
    );
    let asked = "SELECT Message, Facility, Priority, FromHost, SysLogTag, InfoUnitID FROM SystemEvents";
    let found = wait::until("the row", || {
        server.try_rows(asked).ok().filter(|rows| !rows.is_empty())
    });
    assert_eq!(found, [" Accepted\t4\t2\tweb1\tsshd[42]:\t1"]);
    let dated = "SELECT count(*) FROM SystemEvents WHERE ReceivedAt > '2000-01-01' AND DeviceReportedTime IS NOT NULL";
    assert_eq!(server.query(dated), ["1"]);
    assert!(logd.stop().0.success());
}

/// A server whose certificate is of another authority gets neither messages nor the password; the right one gets them over TLS.
fn a_server_is_verified(kind: Kind) {
    let server = Server::start_with_tls(kind, at(kind));
    let others = tempfile::tempdir().unwrap();
    let other = Authority::new(others.path(), "other");
    let keys = format!("timeout = \"5s\"\ntls = {{ ca = \"{}\" }}", other.ca().display());
    let mut logd = logd(kind, &server, server.serves(), &keys);
    send(&numbered(0..10));
    logd.wait_for_log("the database does not take messages");
    logd.wait_for_log("its certificate is not accepted");
    assert_eq!(rows_if_there(&server), 0);
    assert!(!logd.log().contains(server.password()), "{}", logd.log());

    let config = fs::read_to_string(logd.path().join("logd.toml")).unwrap();
    let config = config.replace(other.ca().to_str().unwrap(), server.ca().to_str().unwrap());
    logd.replace("logd.toml", config);
    logd.reload();
    // The account is for TLS only: what is there has come over it.
    send(&numbered(10..20));
    let found = wait::until("the rows", || {
        let rows = server.try_rows("SELECT message FROM logd_messages ORDER BY id").ok()?;
        (rows.len() == 10).then_some(rows)
    });
    assert_eq!(found[0], "message 10 of many");

    // Without TLS the server refuses, and says so.
    let config = fs::read_to_string(logd.path().join("logd.toml")).unwrap();
    let without: Vec<_> = config.lines().filter(|line| !line.starts_with("tls = ")).collect();
    logd.replace("logd.toml", without.join("\n"));
    logd.reload();
    send(&numbered(20..30));
    let said = match kind {
        Kind::Postgres => "no encryption",
        Kind::MariaDb => "Access denied",
    };
    logd.wait_for_log(said);
    assert_eq!(rows_if_there(&server), 10);
    assert!(!logd.log().contains(server.password()), "{}", logd.log());
}

#[test]
fn a_postgresql_is_verified_by_its_certificate() {
    a_server_is_verified(Kind::Postgres);
}

#[test]
fn a_mariadb_is_verified_by_its_certificate() {
    a_server_is_verified(Kind::MariaDb);
}

#[test]
fn a_table_has_its_indexes_though_the_connection_broke_while_it_was_made() {
    let server = server(Kind::MariaDb);
    let between = Between::start(address(2), server.serves());
    between.lose_replies_to("logd_messages (id", 1);
    let logd = logd(Kind::MariaDb, &server, between.serves(), "");
    send(&numbered(0..10));
    assert_all(&server, 10);
    assert_eq!(between.lost(), 1);
    let indexes = server.query(
        "SELECT DISTINCT index_name FROM information_schema.statistics \
         WHERE table_name = 'logd_messages' AND index_name <> 'PRIMARY' ORDER BY index_name",
    );
    assert_eq!(indexes, ["logd_messages_host", "logd_messages_received"]);
    assert!(logd.stop().0.success());
}

#[test]
fn messages_are_rows_in_postgresql_and_one_that_is_refused_keeps_no_other_out() {
    messages_are_rows(Kind::Postgres);
}

#[test]
fn messages_are_rows_in_mariadb_and_one_that_is_refused_keeps_no_other_out() {
    messages_are_rows(Kind::MariaDb);
}

#[test]
fn each_message_is_in_postgresql_once_over_kills_lost_replies_and_hangs() {
    each_message_is_there_once(Kind::Postgres);
}

#[test]
fn each_message_is_in_mariadb_once_over_kills_lost_replies_and_hangs() {
    each_message_is_there_once(Kind::MariaDb);
}

#[test]
fn system_events_in_postgresql_is_as_rsyslog_fills_it() {
    system_events(Kind::Postgres);
}

#[test]
fn system_events_in_mariadb_is_as_rsyslog_fills_it() {
    system_events(Kind::MariaDb);
}

fn sqlite3(database: &Path, sql: &str) -> String {
    output(
        "sqlite3",
        [
            "-cmd".as_ref(),
            ".timeout 5000".as_ref(),
            database.as_os_str(),
            sql.as_ref(),
        ],
    )
}

#[test]
fn sqlite_is_read_while_it_is_written_and_a_kill_leaves_whole_batches() {
    let spec =
        "[output.small.sqlite]\npath = \"logs.db\"\nqueue = { when-full = \"block\" }\n[[rule]]\nto = [\"small\"]\n";
    let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + spec);
    let logd = setup.start();
    let database = logd.path().join("logs.db");
    let count = |database: &Path| -> usize {
        let tables = sqlite3(
            database,
            "SELECT count(*) FROM sqlite_master WHERE name = 'logd_messages'",
        );
        match tables.trim() {
            "0" => 0,
            _ => sqlite3(database, "SELECT count(*) FROM logd_messages")
                .trim()
                .parse()
                .unwrap(),
        }
    };
    let numbers = |database: &Path| -> Vec<usize> {
        let rows = sqlite3(database, "SELECT message FROM logd_messages ORDER BY id");
        rows.lines()
            .map(|row| row.split(' ').nth(1).unwrap().parse().unwrap())
            .collect()
    };
    send(&numbered(0..100));
    wait::until("the first rows, by a reader beside the writer", || {
        database.exists().then(|| count(&database) == 100)?.then_some(())
    });
    let sender = thread::spawn(|| {
        let bytes = Framing::OctetCounted.frame(numbered(100..200_000));
        // It ends when logd does.
        let _ = std::io::Write::write_all(&mut syslog::connect(collector(address(LOGD))), &bytes);
    });
    wait::until("more rows", || (count(&database) > 1000).then_some(()));
    let killed = logd.kill();
    sender.join().unwrap();
    let database = killed.path().join("logs.db");
    assert_eq!(sqlite3(&database, "PRAGMA integrity_check").trim(), "ok");
    let found = numbers(&database);
    assert!(found.len() < 200_000, "it was killed in the middle");
    assert_eq!(
        found,
        (0..found.len()).collect::<Vec<_>>(),
        "what is there has no gap and nothing twice"
    );

    // Another run goes on in the same file.
    let logd = killed.again().start();
    let database = logd.path().join("logs.db");
    send(&numbered(found.len()..found.len() + 100));
    wait::until("the rows of another run", || {
        (count(&database) == found.len() + 100).then_some(())
    });
    assert!(logd.stop().0.success());
}

#[test]
fn a_url_is_checked_and_never_shown() {
    let said = |output: &str| {
        let spec = format!("[output.db.{output}\n[[rule]]\nto = [\"db\"]\n");
        let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + &spec);
        String::from_utf8(setup.run(&["check"]).stderr).unwrap()
    };
    let wrong = said("postgres]\nurl = \"postgresql://:hidden@127.0.0.1/logs\"");
    assert!(
        wrong.contains("the URL names no user") && !wrong.contains("hidden"),
        "{wrong}"
    );
    let wrong = said("mysql]\nurl = \"mysql://logd:hidden@127.0.0.1\"");
    assert!(
        wrong.contains("the URL names no database") && !wrong.contains("hidden"),
        "{wrong}"
    );
    let wrong = said("postgres]\nurl = \"postgresql://logd@127.0.0.1/logs\"\npassword-file = \"not-there\"");
    assert!(wrong.contains("not-there: No such file"), "{wrong}");
    let wrong = said("postgres]\nurl = \"postgresql://logd@127.0.0.1/logs\"\nschema = \"system-event\"");
    assert!(wrong.contains("did you mean \"system-events\"?"), "{wrong}");
    assert_eq!(said("postgres]\nurl = \"postgresql://logd:hidden@127.0.0.1/logs\""), "");
}
