//! The file that an inventory is kept in over a restart: `work-dir/plugins/NAME.inventory`.
//!
//! Lines: the format's name and version, where the plugin was, a host each as on the wire, and the checksum of all before. The
//! file is written beside its place and moved there, so that it is the old one or the new one whatever happens. When it was
//! last changed is when the plugin last spoke.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::host::{Host, WireHost};
use super::machine::{Kept, Position};

/// The first line. A daemon that doesn't know the version starts without the file.
const HEAD: &str = "ballast inventory 1\n";
/// The start of the last line.
const END: &str = "sha256 ";
/// Octets of a line: a host whose every text is as long as it may be, escaped, has some hundred thousand.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Where the plugin was.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    epoch: Option<String>,
    seq: u64,
    hosts: usize,
}

/// Why a file is not used.
#[derive(Debug)]
pub(super) enum SnapshotError {
    /// What the system said.
    Io(io::Error),
    /// It is something else, or of another version.
    Foreign,
    /// It is cut off, or not what was written: the line, from 1.
    Damaged(usize),
    /// It has more hosts than are taken.
    TooManyHosts(usize),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Foreign => write!(f, "line 1: no inventory, or one of another version"),
            Self::Damaged(line) => write!(f, "line {line}: cut off or damaged"),
            Self::TooManyHosts(max) => write!(f, "more than {max} hosts"),
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file; `None`: there is none.
pub(super) fn load(path: &Path, hosts_max: usize, now: SystemTime) -> Result<Option<Kept>, SnapshotError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // A clock that was set back makes no file younger than new.
    let age = now.duration_since(file.metadata()?.modified()?).unwrap_or_default();
    let mut lines = Lines {
        file: BufReader::with_capacity(64 << 10, file),
        digest: Sha256::new(),
        line: String::new(),
        number: 0,
    };
    if lines.next().map_err(|_| SnapshotError::Foreign)? != HEAD {
        return Err(SnapshotError::Foreign);
    }
    let at: At = lines.next_json()?;
    if at.hosts > hosts_max {
        return Err(SnapshotError::TooManyHosts(hosts_max));
    }
    let mut hosts = Vec::new();
    for _ in 0..at.hosts {
        let wire: WireHost = lines.next_json()?;
        // A version that asks more of a host than that which wrote it leaves out the host.
        hosts.extend(Host::try_from(wire).ok().map(Arc::new));
    }
    let digest = HEXLOWER.encode(&lines.digest.clone().finalize());
    if lines.next()? != format!("{END}{digest}\n") {
        return Err(lines.damaged());
    }
    Ok(Some(Kept {
        inventory: hosts.into_iter().collect(),
        position: at.epoch.map(|epoch| Position {
            epoch: epoch.into(),
            seq: at.seq,
        }),
        age,
    }))
}

/// A file that is read line by line.
struct Lines {
    file: BufReader<File>,
    digest: Sha256,
    line: String,
    number: usize,
}

impl Lines {
    fn next(&mut self) -> Result<&str, SnapshotError> {
        self.line.clear();
        self.number += 1;
        match (&mut self.file).take(LINE_BYTES_MAX).read_line(&mut self.line) {
            Ok(_) if self.line.ends_with('\n') => {}
            Ok(_) => return Err(self.damaged()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(self.damaged()),
            Err(error) => return Err(error.into()),
        }
        self.digest.update(self.line.as_bytes());
        Ok(&self.line)
    }

    fn next_json<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, SnapshotError> {
        let read = serde_json::from_str(self.next()?);
        read.map_err(|_| self.damaged())
    }

    fn damaged(&self) -> SnapshotError {
        SnapshotError::Damaged(self.number)
    }
}

/// What is written.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) hosts: Vec<Arc<Host>>,
    pub(super) position: Option<Position>,
    /// When the plugin last spoke; `None`: never.
    pub(super) last_word: Option<SystemTime>,
}

/// Writes a file in place of that which is there.
pub(super) fn save(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let beside = path.with_extension("inventory.new");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    let mut out = Summed {
        file: BufWriter::with_capacity(64 << 10, file),
        digest: Sha256::new(),
    };
    out.write_all(HEAD.as_bytes())?;
    let at = At {
        epoch: snapshot.position.as_ref().map(|position| position.epoch.to_string()),
        seq: snapshot.position.as_ref().map_or(0, |position| position.seq),
        hosts: snapshot.hosts.len(),
    };
    serde_json::to_writer(&mut out, &at)?;
    out.write_all(b"\n")?;
    for host in &snapshot.hosts {
        serde_json::to_writer(&mut out, &WireHost::from(&**host))?;
        out.write_all(b"\n")?;
    }
    let digest = HEXLOWER.encode(&out.digest.clone().finalize());
    writeln!(out.file, "{END}{digest}")?;
    let file = out.file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    if let Some(last_word) = snapshot.last_word {
        file.set_modified(last_word)?;
    }
    fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()
}

/// Notes when the plugin last spoke, if there is a file.
pub(super) fn touch(path: &Path, last_word: SystemTime) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Ok(file) => file.set_modified(last_word),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file, and the checksum of what goes to it.
struct Summed {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn snapshot(now: SystemTime) -> Snapshot {
        let host = |n: u32| {
            let text = format!(r#"{{"id":"i-{n}","name":"wéb\\{n}","addresses":[{{"address":"10.0.0.{n}"}}]}}"#);
            Arc::new(Host::try_from(serde_json::from_str::<WireHost>(&text).unwrap()).unwrap())
        };
        Snapshot {
            hosts: (1..4).map(host).collect(),
            position: Some(Position {
                epoch: "e \"1\"\n".into(),
                seq: 7,
            }),
            last_word: Some(now - Duration::from_secs(60)),
        }
    }

    #[test]
    fn what_is_kept_comes_back_with_its_age() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugins/cloud.inventory");
        let now = SystemTime::now();
        assert!(load(&path, 10, now).unwrap().is_none());
        let written = snapshot(now);
        save(&path, &written).unwrap();
        let kept = load(&path, 10, now).unwrap().unwrap();
        assert_eq!(kept.inventory, written.hosts.into_iter().collect());
        assert_eq!((kept.position, kept.age), (written.position, Duration::from_secs(60)));
        touch(&path, now - Duration::from_secs(10)).unwrap();
        assert_eq!(load(&path, 10, now).unwrap().unwrap().age, Duration::from_secs(10));
        assert!(matches!(load(&path, 2, now), Err(SnapshotError::TooManyHosts(2))));
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_anywhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloud.inventory");
        let now = SystemTime::now();
        save(&path, &snapshot(now)).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let refused = load(&path, 10, now);
            let expected = matches!(refused, Err(SnapshotError::Foreign | SnapshotError::Damaged(_)));
            assert!(expected, "{length}: {refused:?}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(load(&path, 10, now).is_err(), "{at}");
        }
        fs::write(&path, "ballast inventory 2\n").unwrap();
        assert!(matches!(load(&path, 10, now), Err(SnapshotError::Foreign)));
    }
}
