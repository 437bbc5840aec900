//! dnsd as the tests run it: on a loopback address of the test's own, with a configuration of zones.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::address;
use crate::daemon::Setup;

/// The port, on each test's own addresses.
pub const PORT: u16 = 5300;

/// Where dnsd takes queries.
#[must_use]
pub fn serves() -> SocketAddr {
    (address(0), PORT).into()
}

/// Where it shows its pages.
#[must_use]
pub fn pages() -> SocketAddr {
    (address(0), 9153).into()
}

/// One of its pages, as HTTP brings it: status line, headers, body.
///
/// # Panics
/// When it is not served.
#[must_use]
pub fn page(path: &str) -> String {
    let mut stream = TcpStream::connect(pages()).expect("the pages are served");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("the connection is open");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page of text");
    page
}

/// A `dnsd.toml` in the making.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    listen: Option<String>,
    top: String,
    tables: String,
}

impl Configuration {
    /// It listens on [`serves`] and [`pages`], works in `work/` beside the file, and has no zones.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listening elsewhere than on [`serves`].
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// With a line at the top level.
    #[must_use]
    pub fn top(mut self, line: &str) -> Self {
        self.top += line;
        self.top.push('\n');
        self
    }

    /// With a zone that is read from a file.
    #[must_use]
    pub fn zone(self, origin: &str, file: impl AsRef<Path>) -> Self {
        let file = file.as_ref().display();
        self.table(&format!("[zone.\"{origin}\".primary]\nfile = \"{file}\""))
    }

    /// With a zone for each file that a pattern matches.
    #[must_use]
    pub fn zones(self, group: &str, files: &str) -> Self {
        self.table(&format!("[zones.{group}.primary]\nfiles = \"{files}\""))
    }

    /// With a table.
    #[must_use]
    pub fn table(mut self, table: &str) -> Self {
        self.tables += &format!("\n{table}\n");
        self
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { top, tables, .. } = self;
        let listen = self.listen.clone().unwrap_or_else(|| serves().to_string());
        let pages = pages();
        format!(
            "work-dir = \"work\"\n{top}\n[listen]\ndns = [\"{listen}\"]\n\n\
             [control]\nsocket = \"control.sock\"\nhttp = \"{pages}\"\n{tables}"
        )
    }

    /// A directory with it.
    #[must_use]
    pub fn setup(&self) -> Setup {
        Setup::new("dnsd").file("dnsd.toml", self.text())
    }
}
