//! A browser: headless Chromium, steered by its DevTools protocol over a pipe (JSON messages, each ended by a NUL).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait;

/// A running browser with one page. It is killed when this is dropped.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    replies: Receiver<Value>,
    session: String,
    calls: u64,
    _profile: TempDir,
}

impl Browser {
    /// Starts it on an empty page.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        // It reads at descriptor 3 and writes at 4: the shell puts our pipes there. The sandbox takes a user other than root.
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --disable-background-networking --remote-debugging-pipe --user-data-dir=\"$1\" \
                      3<&0 4>&1 0</dev/null 1>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium: scripts/install test");
        let to = child.stdin.take().expect("it is piped");
        let from = child.stdout.take().expect("it is piped");
        let (sender, replies) = channel();
        thread::spawn(move || {
            for message in BufReader::new(from).split(0) {
                let Ok(message) = message else { return };
                let message = serde_json::from_slice(&message).expect("chromium writes JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            to,
            replies,
            session: String::new(),
            calls: 0,
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": page["targetId"], "flatten": true }),
        );
        attached["sessionId"]
            .as_str()
            .expect("a session")
            .clone_into(&mut browser.session);
        browser
    }

    /// Calls a method of the protocol and returns its result.
    ///
    /// # Panics
    /// When it fails or does not answer.
    pub fn call(&mut self, method: &str, parameters: impl Into<Value>) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters.into() });
        if !self.session.is_empty() {
            call["sessionId"] = self.session.as_str().into();
        }
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("chromium reads");
        let start = Instant::now();
        loop {
            let left = wait::DEADLINE.saturating_sub(start.elapsed());
            let mut reply = self
                .replies
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("{method}: chromium does not answer: {error}"));
            // Events have no number.
            if reply["id"] == self.calls {
                assert!(reply["error"].is_null(), "{method}: {}", reply["error"]);
                return reply["result"].take();
            }
        }
    }

    /// Goes to an address.
    ///
    /// # Panics
    /// When nothing is there.
    pub fn open(&mut self, url: &str) {
        let there = self.call("Page.navigate", json!({ "url": url }));
        assert!(there["errorText"].is_null(), "{url}: {}", there["errorText"]);
    }

    /// The value of an expression in the page.
    ///
    /// # Panics
    /// When it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", parameters);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {}",
            result["exceptionDetails"]
        );
        result["result"]["value"].take()
    }

    /// The text of an expression in the page; the empty one, if it has none.
    pub fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub fn wait_for(&mut self, expression: &str) {
        wait::until(&format!("{expression} in the page"), || {
            // While a page is loaded there may be no place for it.
            let parameters = json!({ "expression": expression, "returnByValue": true });
            let result = self.call("Runtime.evaluate", parameters);
            (result["result"]["value"] == true).then_some(())
        });
    }

    /// Presses a key, such as `j` or `Enter`.
    pub fn press(&mut self, key: &str) {
        let mut down = json!({ "type": "keyDown", "key": key });
        if key.chars().count() == 1 {
            down["text"] = key.into();
        }
        self.call("Input.dispatchKeyEvent", down);
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// Makes the window so large, and the system's colours dark or light.
    pub fn look(&mut self, width: u32, height: u32, colours: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
        self.call("Emulation.setEmulatedMedia", feature);
    }

    /// Takes a picture of the page.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn screenshot(&mut self, to: &Path) -> Vec<u8> {
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let data = taken["data"].as_str().expect("a picture");
        let picture = BASE64.decode(data.as_bytes()).expect("base64");
        std::fs::create_dir_all(to.parent().expect("a file in a folder")).expect("a folder");
        std::fs::write(to, &picture).expect("a file");
        picture
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
