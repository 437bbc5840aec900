//! logd forwards over RELP to a target that refuses messages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use ballast_tests::syslog::forwarding::{RELP_PORT, RelpClient, TARGET, in_order, metric, refused, send, start};
use ballast_tests::{address, wait};

/// A target that speaks RELP and refuses what it is told to.
struct Refusing {
    /// The messages that it has taken.
    taken: Arc<Mutex<Vec<usize>>>,
}

impl Refusing {
    /// `refuses` is given a message's number, and how many were refused before.
    fn start(refuses: impl Fn(usize, usize) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let taking = taken.clone();
        // It ends with the test.
        thread::spawn(move || {
            let mut refused = 0;
            for connection in listener.incoming() {
                let mut session = RelpClient {
                    stream: connection.unwrap(),
                    txnr: 0,
                };
                while let Some(frame) = session.frame() {
                    let txnr = frame.split(' ').next().unwrap();
                    let number = frame.split("message ").nth(1).map(|rest| rest.trim().parse().unwrap());
                    let answer = match number {
                        Some(number) if refuses(number, refused) => {
                            refused += 1;
                            "500 not this one"
                        }
                        Some(number) => {
                            taking.lock().unwrap().push(number);
                            "200 OK"
                        }
                        None => "200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog",
                    };
                    if writeln!(session.stream, "{txnr} rsp {} {answer}", answer.len()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { taken }
    }

    /// Each that was taken, in the order in which they came first.
    fn taken(&self) -> Vec<usize> {
        let mut first_time = BTreeSet::new();
        let taken = self.taken.lock().unwrap().clone();
        taken.into_iter().filter(|number| first_time.insert(*number)).collect()
    }
}

/// Forwards to a target that refuses three of the messages.
fn three_refused(spool: &str) {
    let target = Refusing::start(|number, _| matches!(number, 7 | 8 | 300));
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"\n{spool}",
        address(TARGET)
    ));
    send(0..500);
    let wanted: Vec<usize> = (0..500).filter(|n| !matches!(n, 7 | 8 | 300)).collect();
    wait::until("all others to be taken and the three to be given up", || {
        (target.taken() == wanted && refused() == 3.0).then_some(())
    });
    logd.wait_for_log("messages are dropped that the target refuses");
    assert!(logd.log().contains("500 not this one"), "{}", logd.log());
    wait::until("the others to be counted", || {
        (metric("logd_output_lines_total") == 497.0 && metric("logd_output_queued_bytes") == 0.0).then_some(())
    });
    let (status, _) = logd.stop();
    assert!(status.success(), "{status}: nothing is left");
}

#[test]
fn a_message_that_the_target_refuses_for_ever_is_counted_and_holds_up_nothing() {
    three_refused("");
}

#[test]
fn a_message_in_the_spool_that_the_target_refuses_for_ever_is_counted_and_holds_up_nothing() {
    three_refused("spool = { max = \"64MiB\" }");
}

#[test]
fn a_target_that_refuses_all_for_a_while_gets_all_of_it_when_it_takes_messages_again() {
    const REFUSED: usize = 1500;
    let target = Refusing::start(|_, refused| refused < REFUSED);
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    send(0..500);
    // The window in which it comes to itself may come in another order.
    wait::until("all to be taken", || {
        let mut taken = target.taken();
        taken.sort_unstable();
        (taken == in_order(0..500)).then_some(())
    });
    assert_eq!(refused(), 0.0);
    assert!(logd.stop().0.success());
}
