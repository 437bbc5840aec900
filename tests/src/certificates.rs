//! Certificates, made by `openssl`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::output;

/// What `openssl req` is to put into certificates; `NAMES` are those that one is for.
const CONFIGURATION: &str = "[req]\ndistinguished_name = none\n[none]\n[authority]\nbasicConstraints = critical,CA:TRUE\n\
                             [other]\nbasicConstraints = critical,CA:FALSE\nsubjectAltName = NAMES\n";

/// An authority, with its files and those of whom it has signed in a folder: `NAME.pem` and `NAME.key`.
pub struct Authority {
    folder: PathBuf,
    name: &'static str,
}

impl Authority {
    /// Makes one of this name.
    ///
    /// # Panics
    /// When openssl can't.
    #[must_use]
    pub fn new(folder: &Path, name: &'static str) -> Self {
        let authority = Self {
            folder: folder.to_owned(),
            name,
        };
        authority.request(name, "DNS:none", &["-extensions", "authority"]);
        authority
    }

    /// A file of the folder.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The file with its own certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.path(&format!("{}.pem", self.name))
    }

    /// Makes the files of somebody for names as openssl has them, such as `DNS:ns.test,IP:127.0.0.1`. Files that are there
    /// are replaced, the key first.
    ///
    /// # Panics
    /// When openssl can't.
    pub fn sign(&self, name: &str, names: &str) {
        let certificate = self.ca();
        let key = self.path(&format!("{}.key", self.name));
        let by = [certificate.to_str(), key.to_str()].map(|path| path.expect("a path of text"));
        self.request(name, names, &["-extensions", "other", "-CA", by[0], "-CAkey", by[1]]);
    }

    fn request(&self, name: &str, names: &str, more: &[&str]) {
        let configuration = self.path("openssl.cnf");
        fs::write(&configuration, CONFIGURATION.replace("NAMES", names)).expect("a file");
        let (key, certificate) = (self.path("new.key"), self.path("new.pem"));
        let mut arguments = vec![
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ];
        let subject = format!("/CN={name}");
        let paths = [&configuration, &key, &certificate].map(|path| path.to_str().expect("a path of text").to_owned());
        arguments.extend(["-noenc", "-days", "30", "-subj", &subject]);
        arguments.extend(["-config", &paths[0], "-keyout", &paths[1], "-out", &paths[2]]);
        arguments.extend(more);
        output("openssl", arguments);
        for (made, extension) in [(key, "key"), (certificate, "pem")] {
            fs::rename(made, self.path(&format!("{name}.{extension}"))).expect("a rename in one folder");
        }
    }
}
