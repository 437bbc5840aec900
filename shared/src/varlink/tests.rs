//! A server and its callers, over a socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;

/// The token is cancelled when the caller of `Silent` has gone.
#[derive(Default)]
struct Echo(CancellationToken);

impl Service for Echo {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        match call.method.as_str() {
            "Which" => Ok(parameters(
                &json!({ "interface": call.interface, "uid": call.caller.uid }),
            )),
            "Echo" => Ok(call.parameters),
            // What the files that came with it hold.
            "Read" => {
                let texts = call.descriptors.into_iter().map(|descriptor| {
                    let mut text = String::new();
                    std::fs::File::from(descriptor).read_to_string(&mut text).unwrap();
                    text
                });
                let texts: Vec<String> = texts.collect();
                Ok(parameters(&json!({ "texts": texts })))
            }
            "Fail" => Err(CallError::Failed(
                "Broken",
                Map::from_iter([("message".into(), json!("it is broken"))]),
            )),
            "Count" | "Break" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        let last = match call.method.as_str() {
            "Count" => 3,
            // Never comes.
            "Break" => 4,
            "Flood" => return Ok(Some(flood(self.0.clone()))),
            "Late" => {
                let (parts, receiver) = mpsc::channel(2);
                let first = Part::written(r#"{"n":1}"#.into(), true);
                let broken = Part::error(CallError::Failed("Broken", Map::new()));
                parts.try_send(first).and_then(|()| parts.try_send(broken)).unwrap();
                return Ok(Some(receiver));
            }
            "Silent" => {
                let (parts, receiver) = mpsc::channel(1);
                let gone = self.0.clone();
                tokio::spawn(async move {
                    parts.closed().await;
                    gone.cancel();
                });
                return Ok(Some(receiver));
            }
            _ => return Ok(None),
        };
        let (parts, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for n in 1..=3 {
                let part = Part::new(Map::from_iter([("n".into(), json!(n))]), n < last);
                parts.send(part).await.unwrap();
            }
        });
        Ok(Some(receiver))
    }
}

/// Replies without end, until the caller is dropped.
fn flood(dropped: CancellationToken) -> mpsc::Receiver<Part> {
    let (parts, receiver) = mpsc::channel(1);
    let text: Arc<str> = format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20)).into();
    tokio::spawn(async move {
        while parts.send(Part::written(text.clone(), true)).await.is_ok() {}
        dropped.cancel();
    });
    receiver
}

const INTERFACE: Interface = Interface {
    name: "io.ballast.echo",
    description: "interface io.ballast.echo",
};

const OTHER: Interface = Interface {
    name: "io.ballast.other",
    description: "interface io.ballast.other",
};

fn offer() -> Offer {
    let mut offer = Offer::control("echo", INTERFACE);
    offer.interfaces.push(OTHER);
    offer
}

fn with_server(check: impl FnOnce(&Path) + Send + 'static) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("control.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    runtime.block_on(async {
        let server = tokio::spawn(serve(
            bind(&socket).unwrap(),
            offer(),
            Arc::new(Echo::default()),
            stop.clone(),
        ));
        let checked = socket.clone();
        tokio::task::spawn_blocking(move || check(&checked)).await.unwrap();
        stop.cancel();
        server.await.unwrap();
        assert!(!socket.exists(), "a server that has ended takes its socket with it");
    });
}

#[test]
fn a_call_comes_back() {
    with_server(|socket| {
        let sent = Map::from_iter([("zone".into(), json!("example.net"))]);
        assert_eq!(call(socket, "io.ballast.echo.Echo", sent.clone()).unwrap(), sent);
    });
}

#[test]
fn refusals_come_by_name() {
    with_server(|socket| {
        let refused = |method: &str| match call(socket, method, Map::new()) {
            Err(ClientError::Refused(error, _)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("io.ballast.echo.Nothing"), "org.varlink.service.MethodNotFound");
        assert_eq!(
            refused("io.ballast.third.Echo"),
            "org.varlink.service.InterfaceNotFound"
        );
        assert_eq!(refused("io.ballast.echo.Fail"), "io.ballast.echo.Broken");
        assert_eq!(
            call(socket, "io.ballast.echo.Fail", Map::new())
                .unwrap_err()
                .to_string(),
            "it is broken"
        );
    });
}

#[test]
fn several_replies_come_one_after_the_other() {
    with_server(|socket| {
        let mut counted = Vec::new();
        let mut count = |reply: Map<String, Value>| {
            counted.push(reply["n"].as_u64().unwrap());
            Ok(())
        };
        call_more(socket, "io.ballast.echo.Count", Map::new(), &mut count).unwrap();
        assert_eq!(counted, [1, 2, 3]);
        // A method with one reply gives it to who would take several.
        let mut replies = 0;
        call_more(socket, "io.ballast.echo.Echo", Map::new(), |_| {
            replies += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(replies, 1);
    });
}

#[test]
fn replies_that_end_early_are_no_whole_answer() {
    with_server(|socket| {
        let broken = call_more(socket, "io.ballast.echo.Break", Map::new(), |_| Ok(()));
        assert!(matches!(broken, Err(ClientError::Garbled)), "{broken:?}");
    });
}

#[test]
fn who_has_gone_is_noticed_although_there_is_no_reply_to_send() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("control.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (stop, gone) = (CancellationToken::new(), CancellationToken::new());
        let service = Arc::new(Echo(gone.clone()));
        let server = tokio::spawn(serve(bind(&socket).unwrap(), offer(), service, stop.clone()));
        drop(client::send(&socket, "io.ballast.echo.Silent", Map::new(), true).unwrap());
        gone.cancelled().await;
        stop.cancel();
        server.await.unwrap();
    });
}

#[test]
fn who_takes_one_reply_is_told_that_there_are_several() {
    with_server(|socket| match call(socket, "io.ballast.echo.Count", Map::new()) {
        Err(ClientError::Refused(error, _)) => assert_eq!(error, "org.varlink.service.ExpectedMore"),
        other => panic!("{other:?}"),
    });
}

#[test]
fn the_service_describes_itself() {
    with_server(|socket| {
        let info = call(socket, "org.varlink.service.GetInfo", Map::new()).unwrap();
        assert_eq!(
            info["interfaces"],
            json!(["org.varlink.service", "io.ballast.echo", "io.ballast.other"])
        );
        let which = Map::from_iter([("interface".into(), json!("io.ballast.echo"))]);
        let text = call(socket, "org.varlink.service.GetInterfaceDescription", which).unwrap();
        assert_eq!(text["description"], json!("interface io.ballast.echo"));
        let described = |interface: &str| {
            let which = Map::from_iter([("interface".into(), json!(interface))]);
            call(socket, "org.varlink.service.GetInterfaceDescription", which)
        };
        let service = described("org.varlink.service").unwrap();
        assert!(service["description"].as_str().unwrap().contains("method GetInfo()"));
        let unknown = described("io.ballast.third").unwrap_err().to_string();
        assert!(unknown.contains("org.varlink.service.InterfaceNotFound"), "{unknown}");
    });
}

#[test]
fn only_a_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    drop(bind(&path).unwrap());
    assert!(path.exists(), "as one that was killed leaves it");
    drop(bind(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn nobody_at_home_is_said_plainly() {
    let error = call(Path::new("/nonexistent/control.sock"), "x.y", Map::new()).unwrap_err();
    assert_eq!(error.to_string(), "no daemon is running at /nonexistent/control.sock");
}

#[test]
fn a_service_has_several_interfaces_and_knows_who_calls() {
    with_server(|socket| {
        let uid = nix::unistd::getuid().as_raw();
        for interface in ["io.ballast.echo", "io.ballast.other"] {
            let which = call(socket, &format!("{interface}.Which"), Map::new()).unwrap();
            assert_eq!(Value::Object(which), json!({ "interface": interface, "uid": uid }));
        }
        match call(socket, "io.ballast.other.Fail", Map::new()) {
            Err(ClientError::Refused(error, _)) => assert_eq!(error, "io.ballast.other.Broken"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_error_may_come_after_some_replies() {
    with_server(|socket| {
        let mut replies = Vec::new();
        let ended = call_more(socket, "io.ballast.echo.Late", Map::new(), |reply| {
            replies.push(Value::Object(reply));
            Ok(())
        });
        assert_eq!(replies, [json!({ "n": 1 })]);
        assert!(matches!(ended, Err(ClientError::Refused(error, _)) if error == "io.ballast.echo.Broken"));
    });
}

fn on_runtime<F: Future<Output = ()>>(check: impl FnOnce(std::path::PathBuf) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(check(dir.path().join("x.sock")));
}

#[test]
fn a_caller_that_does_not_read_is_dropped_and_holds_up_nobody() {
    on_runtime(async |socket| {
        let (stop, dropped) = (CancellationToken::new(), CancellationToken::new());
        let mut offer = offer();
        offer.limits.stalled_max = Some(Duration::from_millis(50));
        let service = Arc::new(Echo(dropped.clone()));
        let server = tokio::spawn(serve(bind(&socket).unwrap(), offer, service, stop.clone()));
        let mut slow = Connection::open(&socket, MESSAGE_BYTES_MAX).await.unwrap();
        slow.call_more("io.ballast.echo.Flood", &json!({})).await.unwrap();
        let mut other = Connection::open(&socket, MESSAGE_BYTES_MAX).await.unwrap();
        while !dropped.is_cancelled() {
            let echoed: Value = other.call("io.ballast.echo.Echo", &json!({ "n": 1 })).await.unwrap();
            assert_eq!(echoed, json!({ "n": 1 }));
        }
        // What it gets is cut off.
        while let Some(message) = slow.next_message().await.unwrap() {
            assert!(read_reply::<Value>(&message).unwrap().1);
        }
        stop.cancel();
        server.await.unwrap();
    });
}

#[test]
fn a_message_that_is_too_long_ends_the_conversation() {
    on_runtime(async |socket| {
        let stop = CancellationToken::new();
        let mut offer = offer();
        offer.limits.message_bytes_max = 1_000;
        let service = Arc::new(Echo::default());
        let server = tokio::spawn(serve(bind(&socket).unwrap(), offer, service, stop.clone()));
        let mut caller = Connection::open(&socket, 1_000).await.unwrap();
        let text = |octets| json!({ "text": "x".repeat(octets) });
        let back: Value = caller.call("io.ballast.echo.Echo", &text(800)).await.unwrap();
        assert_eq!(back, text(800));
        let refused = caller.call::<Value>("io.ballast.echo.Echo", &text(200_000)).await;
        assert!(matches!(refused, Err(ClientError::Io(_))), "{refused:?}");
        let mut caller = Connection::open(&socket, 100).await.unwrap();
        let refused = caller.call::<Value>("io.ballast.echo.Echo", &text(800)).await;
        assert!(
            matches!(&refused, Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::InvalidData),
            "{refused:?}"
        );
        stop.cancel();
        server.await.unwrap();
    });
}

#[test]
fn a_caller_learns_who_serves() {
    on_runtime(async |socket| {
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(
            bind(&socket).unwrap(),
            offer(),
            Arc::new(Echo::default()),
            stop.clone(),
        ));
        let caller = Connection::open(&socket, MESSAGE_BYTES_MAX).await.unwrap();
        assert_eq!(caller.server().uid, nix::unistd::getuid().as_raw());
        assert_eq!(caller.server().pid, i32::try_from(std::process::id()).ok());
        stop.cancel();
        server.await.unwrap();
    });
}

#[test]
fn calls_that_come_at_once_are_answered_in_turn() {
    with_server(|socket| {
        let mut stream = UnixStream::connect(socket).unwrap();
        let call = |n: u32| format!("{{\"method\":\"io.ballast.echo.Echo\",\"parameters\":{{\"n\":{n}}}}}\0");
        let calls: String = (0..100).map(call).collect();
        stream.write_all(calls.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).unwrap();
        let expected: String = (0..100)
            .map(|n| format!("{{\"parameters\":{{\"n\":{n}}}}}\0"))
            .collect();
        assert_eq!(replies, expected);
    });
}

#[test]
fn descriptors_come_with_their_calls() {
    on_runtime(async |socket| {
        let directory = socket.parent().unwrap().to_owned();
        let file = |text: &str| {
            let path = directory.join(text);
            std::fs::write(&path, text).unwrap();
            std::fs::File::open(path).unwrap()
        };
        let files = ["a", "b", "c"].map(file);
        let borrowed: Vec<_> = files.iter().map(std::os::fd::AsFd::as_fd).collect();
        let stop = CancellationToken::new();
        let mut offer = offer();
        offer.limits.takes_descriptors = true;
        let service = Arc::new(Echo::default());
        let server = tokio::spawn(serve(bind(&socket).unwrap(), offer, service, stop.clone()));
        let mut caller = Connection::open(&socket, MESSAGE_BYTES_MAX).await.unwrap();
        // A call that is longer than a read, so that its end comes long after its descriptors.
        let long = json!({ "text": "x".repeat(300_000) });
        for (sent, expected) in [(&borrowed[..2], json!(["a", "b"])), (&[], json!([]))] {
            let read: Value = caller.call_with("io.ballast.echo.Read", &long, sent).await.unwrap();
            assert_eq!(read["texts"], expected);
        }
        let read: Value = caller
            .call_with("io.ballast.echo.Read", &json!({}), &borrowed[2..])
            .await
            .unwrap();
        assert_eq!(read["texts"], json!(["c"]));
        // More than are taken are closed, and the call comes all the same.
        let many = vec![borrowed[0]; 20];
        let read: Value = caller
            .call_with("io.ballast.echo.Read", &json!({}), &many)
            .await
            .unwrap();
        assert!(read["texts"].as_array().unwrap().len() <= 8, "{read}");
        stop.cancel();
        server.await.unwrap();
    });
}

#[test]
fn descriptors_that_nobody_takes_are_closed() {
    on_runtime(async |socket| {
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(
            bind(&socket).unwrap(),
            offer(),
            Arc::new(Echo::default()),
            stop.clone(),
        ));
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut caller = Connection::open(&socket, MESSAGE_BYTES_MAX).await.unwrap();
        let theirs_borrowed = [std::os::fd::AsFd::as_fd(&theirs)];
        let read: Value = caller
            .call_with("io.ballast.echo.Read", &json!({}), &theirs_borrowed)
            .await
            .unwrap();
        assert_eq!(read["texts"], json!([]));
        drop(theirs);
        // The other end is closed once nobody has it.
        ours.set_nonblocking(true).unwrap();
        assert_eq!((&ours).read(&mut [0]).unwrap(), 0);
        stop.cancel();
        server.await.unwrap();
    });
}
