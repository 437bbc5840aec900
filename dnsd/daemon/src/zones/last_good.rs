//! The last good copy of every zone: what is served when the daemon starts and a zone's file has an error.
//!
//! A copy is a master file in canonical order without directives, `work-dir/zones/NAME.last`, of a zone in a
//! view `work-dir/zones/VIEW/NAME.last`, that begins with a comment
//! about what it was made from and ends with one that says it is whole. It is replaced by rename, by the thread of the
//! [`writer`], some seconds after its version was first served: nobody waits for it but the end of the daemon.

mod handing_over;
mod writer;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::FileState;
use dnsd_core::zone::Zone;
use tracing::warn;

use super::key::ZoneKey;
use super::load::ReadFile;
use super::stamp::Stamp;
pub(crate) use handing_over::hand_over;
pub(crate) use writer::When;
use writer::{Job, Writer};

/// The last line of a whole copy. A copy that a crash of the machine cut off hasn't got it, so that no copy needs to be
/// synced to disk.
const END: &str = "; end of zone\n";

/// The ending of a copy that is still written.
const TEMPORARY: &str = "new";

/// The ending of a zone's journal, which lies beside its copy.
const JOURNAL: &str = "journal";

/// The ending of the last version of a primary zone that gave way to a peer's.
const REPLACED: &str = "replaced";

/// The longest file name of a copy, in bytes. A name has up to 1004 as text; file systems take 255 with the ending and a
/// temporary file's mark.
const FILE_NAME_BYTES_MAX: usize = 200;

/// A header's line is shorter.
const HEADER_BYTES_MAX: usize = 256;

/// Read at once of a copy: all of a small zone's, its header and its end with one system call.
const FIRST_BYTES: usize = 4096;

/// Where the copies are.
#[derive(Debug)]
pub(crate) struct LastGood {
    folder: PathBuf,
    /// The paths, below the folder, of the files that were there at the start. A zone that is loaded for the first time has its copy among them or has none:
    /// ten thousand zones without copies are not looked for one by one.
    at_start: HashSet<PathBuf>,
    writer: Writer,
}

/// What is to be had of the copy of a zone that was transferred. Its time of modification says when a primary last said that this
/// is the zone: it is set with one system call, and what is set is the copy's own whatever happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transferred {
    /// Where it is; `None`: in the folder of the copies.
    pub(crate) file: Option<PathBuf>,
    /// When a primary last said that this is the zone.
    pub(crate) confirmed_at: SystemTime,
}

/// What a copy says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// How many records it has.
    pub(crate) records: usize,
    /// A digest of the files it was made from: paths, sizes, times; of a zone that was transferred its serial.
    made_from: u64,
}

impl Header {
    /// The version that the copy of a zone is that was transferred.
    pub(crate) fn serial(&self) -> Serial {
        Serial(self.made_from as u32)
    }

    /// Whether this is a copy of a version that was transferred, and not one that was made from files.
    pub(crate) fn is_transferred(&self, version: &Zone) -> bool {
        self.made_from == u64::from(version.serial().0)
    }

    /// Whether the copy was made from these files, as they were when they were read.
    pub(crate) fn is_of(&self, files: &[ReadFile]) -> bool {
        self.made_from == digest(files)
    }
}

impl LastGood {
    /// Keeps copies below `work_dir`. Who drops it waits until what is to be kept is written.
    ///
    /// # Errors
    /// When the folder can't be made, or there is no thread to be had.
    pub(crate) fn start(work_dir: &Path) -> io::Result<Self> {
        let folder = folder(work_dir);
        fs::create_dir_all(&folder)?;
        let at_start = clean(&folder);
        let writer = Writer::start(folder.clone())?;
        Ok(Self {
            folder,
            at_start,
            writer,
        })
    }

    /// Where a zone's copy of an earlier run of the daemon is; `None` when there was none.
    pub(crate) fn of_earlier_run(&self, zone: &ZoneKey) -> Option<PathBuf> {
        if self.at_start.is_empty() {
            return None;
        }
        let path = path(zone);
        self.at_start.contains(&path).then(|| self.folder.join(path))
    }

    /// Makes this version the copy, soon.
    pub(crate) fn keep(&self, key: &ZoneKey, zone: Arc<Zone>, files: &[ReadFile]) {
        let made_from = digest(files);
        self.writer.order(key, Job::Write { zone, made_from }, When::Later);
    }

    /// Makes a version that was transferred the copy.
    pub(crate) fn keep_transferred(&self, key: &ZoneKey, zone: Arc<Zone>, copy: Transferred, when: When) {
        self.writer.order(key, Job::WriteTransferred { zone, copy }, when);
    }

    /// Keeps a version that gives way to a peer's, instead of the one that did before; gives where.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn keep_replaced(&self, key: &ZoneKey, zone: &Zone) -> io::Result<PathBuf> {
        let kept = self.path(key).with_extension(REPLACED);
        fs::create_dir_all(kept.parent().unwrap_or(Path::new("")))?;
        write(&kept, zone, 0)?;
        Ok(kept)
    }

    /// Notes that a primary said that what the copy and the journal have is the zone, soon.
    pub(crate) fn confirm(&self, key: &ZoneKey, copy: Transferred) {
        self.writer.order(key, Job::Confirm(copy), When::Later);
    }

    /// Where a zone's copy is, there or not.
    pub(crate) fn path(&self, key: &ZoneKey) -> PathBuf {
        self.folder.join(path(key))
    }

    /// Whether an earlier run of the daemon has left a journal of the zone.
    pub(crate) fn has_journal_of_earlier_run(&self, key: &ZoneKey) -> bool {
        !self.at_start.is_empty() && self.at_start.contains(&path(key).with_extension(JOURNAL))
    }

    /// Where a zone's journal is, there or not.
    pub(crate) fn journal_path(&self, key: &ZoneKey) -> PathBuf {
        self.folder.join(path(key).with_extension(JOURNAL))
    }

    /// Removes the copy of a zone that is no more, soon.
    pub(crate) fn drop_zone(&self, key: &ZoneKey) {
        self.writer.order(key, Job::Remove(None), When::Later);
    }

    /// The same of a zone that was transferred, and of its copy in a file of its own. `at_once`: whoever kills the daemon now
    /// doesn't find it either.
    pub(crate) fn wipe(&self, key: &ZoneKey, file: Option<PathBuf>, at_once: bool) {
        if at_once {
            for path in [Some(self.path(key)), file.clone()].into_iter().flatten() {
                writer::remove(&path);
            }
        }
        // What is being written meanwhile goes after it.
        self.writer.order(key, Job::Remove(file), When::Later);
    }
}

/// The copies' folder. It is made before privileges are dropped.
pub(crate) fn folder(work_dir: &Path) -> PathBuf {
    work_dir.join("zones")
}

/// Removes what writes that a crash cut off have left, as the next ones of their zones may be long in coming, and lists the
/// rest.
fn clean(folder: &Path) -> HashSet<PathBuf> {
    let mut copies = HashSet::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            clean_files(folder, Path::new(&entry.file_name()), &mut copies);
        }
    }
    clean_files(folder, Path::new(""), &mut copies);
    copies
}

/// The same of the files of one view, or of those outside the views.
fn clean_files(folder: &Path, view: &Path, copies: &mut HashSet<PathBuf>) {
    for entry in folder.join(view).read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension() != Some(TEMPORARY.as_ref()) {
            copies.insert(view.join(entry.file_name()));
        } else if let Err(error) = fs::remove_file(&path) {
            warn!(%error, "{} is left over and could not be removed", path.display());
        }
    }
}

/// Where a zone's copy is below the folder.
fn path(zone: &ZoneKey) -> PathBuf {
    zone.path(file_name(&zone.name))
}

/// Where a zone's copy is, there or not.
pub(crate) fn copy(work_dir: &Path, zone: &ZoneKey) -> PathBuf {
    folder(work_dir).join(path(zone))
}

/// What the copy at this path says of itself; `None` when there is none, or it is cut off.
pub(crate) fn header(path: &Path) -> Option<Header> {
    let mut file = File::open(path).ok()?;
    let mut first = [0; FIRST_BYTES];
    let len = file.read(&mut first).ok()?;
    let first = &first[..len];
    if len < FIRST_BYTES {
        first.ends_with(END.as_bytes()).then_some(())?;
    } else {
        let mut end = [0; END.len()];
        file.seek(SeekFrom::End(-(END.len() as i64))).ok()?;
        file.read_exact(&mut end).ok()?;
        (end == *END.as_bytes()).then_some(())?;
    }
    let line = first.split(|byte| *byte == b'\n').next()?;
    let line = line.get(..line.len().min(HEADER_BYTES_MAX))?;
    let mut words = str::from_utf8(line)
        .ok()?
        .strip_prefix("; dnsd's last good copy: ")?
        .split_whitespace();
    let records = words.next()?.parse().ok()?;
    let made_from = u64::from_str_radix(words.last()?, 16).ok()?;
    Some(Header { records, made_from })
}

/// Tells versions of a zone's files apart. A digest that another version of the daemon makes otherwise only costs that the
/// copy is read and written once more.
fn digest(files: &[ReadFile]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        // As octets: a path is hashed component by component.
        file.path.as_os_str().as_bytes().hash(&mut hasher);
        file.stamp.hash(&mut hasher);
    }
    hasher.finish()
}

/// When a primary last said that the copy at this path is the zone.
pub(crate) fn confirmed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Notes when a primary last said that the copy at this path is the zone. Without a copy there is nothing to note.
fn confirm(path: &Path, at: SystemTime) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) => file.set_modified(at),
    }
}

/// What tells one state of a zone's files from another, as a journal has it.
pub(crate) fn state(files: &[ReadFile]) -> FileState {
    let mut state = FileState::default();
    state[..8].copy_from_slice(&digest(files).to_be_bytes());
    state
}

/// Why a zone's own file was not replaced.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Somebody has edited it: it is left as it is.
    Edited,
    /// It can't be written.
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Replaces a zone's own file with what is served, written through, if what it was `read` from is as it was then; gives what is
/// there now. Links to it stay, and so do its permissions and, as far as this process may say so, its owner and group; one that
/// isn't there is made.
///
/// # Errors
/// When it was edited, or can't be written.
pub(crate) fn write_file(path: &Path, zone: &Zone, read: &[ReadFile]) -> Result<ReadFile, WriteError> {
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        target => target?,
    };
    let mut temporary = target.as_os_str().to_owned();
    // A group's folder takes no file of this ending for a zone.
    temporary.push(".dpkg-new");
    let temporary = PathBuf::from(temporary);
    let written = write_beside(&temporary, &target, zone)
        .map_err(WriteError::Io)
        .and_then(|stamp| {
            // To write a large zone through to the disk takes seconds, in which somebody may have saved an edit.
            if !read.iter().all(ReadFile::is_unchanged) {
                return Err(WriteError::Edited);
            }
            fs::rename(&temporary, &target)?;
            // After a power cut the old file would stand there beside a journal that takes it for the new one.
            sync_folder_of(&target)?;
            Ok(stamp)
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    // Not what is there by now: that may be an edit already.
    written.map(|stamp| ReadFile {
        path: path.to_owned(),
        stamp: Some(stamp),
    })
}

/// Writes a zone through to the disk, as a file that may take the place of another.
fn write_beside(temporary: &Path, target: &Path, zone: &Zone) -> io::Result<Stamp> {
    write_whole(temporary, zone, 0)?;
    let new = File::open(temporary)?;
    match fs::metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        old => {
            let old = old?;
            // It stays whose it was, if we may give it away, and whose group's.
            let _ = fchown(&new, Some(old.uid()), None);
            let _ = fchown(&new, None, Some(old.gid()));
            new.set_permissions(old.permissions())?;
        }
    }
    new.sync_all()?;
    Ok(Stamp::from(&new.metadata()?))
}

/// Has a file under its new name after a power cut.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Replaces the copy of a zone that was transferred. Nothing else on this machine has it, so it is written through.
fn write_transferred(path: &Path, zone: &Zone, confirmed_at: SystemTime) -> io::Result<()> {
    // Beside a file of somebody's choice nothing else is to be hit.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".");
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    let written = write_whole(&temporary, zone, zone.serial().0.into()).and_then(|()| {
        let file = File::options().write(true).open(&temporary)?;
        file.set_modified(confirmed_at)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder_of(path)
    });
    if written.is_err() {
        // On a full disk it takes up room that the next try needs.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Replaces a copy.
pub(super) fn write(path: &Path, zone: &Zone, made_from: u64) -> io::Result<()> {
    let temporary = path.with_extension(TEMPORARY);
    let written = write_whole(&temporary, zone, made_from).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // On a full disk it takes up room that the next try needs.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_whole(path: &Path, zone: &Zone, made_from: u64) -> io::Result<()> {
    // What is left over there may be another user's, who can't be written over but, in our folder, be removed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = BufWriter::with_capacity(64 << 10, File::create_new(path)?);
    writeln!(
        file,
        "; dnsd's last good copy: {} records, files {made_from:016x}",
        zone.record_count()
    )?;
    write_records(zone, &mut file)?;
    file.write_all(END.as_bytes())?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

/// Writes a zone as a master file without directives: the SOA record first, then the names in canonical order.
pub(crate) fn write_records(zone: &Zone, to: &mut impl Write) -> io::Result<()> {
    let soa = zone.soa_set();
    let apex = zone.apex();
    let others = apex.sets().filter(|set| set.rtype() != soa.rtype());
    let mut line = String::new();
    let mut write_set = |name: dnsd_core::name::NameRef<'_>, set: dnsd_core::zone::RecordSet<'_>| {
        for data in set.rdatas() {
            line.clear();
            let _ = writeln!(
                line,
                "{name} {} IN {} {}",
                set.ttl(),
                set.rtype(),
                rdata::display(set.rtype(), data)
            );
            to.write_all(line.as_bytes())?;
        }
        Ok::<(), io::Error>(())
    };
    write_set(apex.name(), soa)?;
    for set in others {
        write_set(apex.name(), set)?;
    }
    for node in zone.nodes().skip(1) {
        for set in node.sets() {
            write_set(node.name(), set)?;
        }
    }
    Ok(())
}

/// A zone's name as a file's: lower case, what file systems and shells don't like as `%xx`, long ones by a digest.
fn file_name(name: &Name) -> String {
    let mut text = String::new();
    let shown = name.to_string().to_ascii_lowercase();
    for byte in shown.strip_suffix('.').unwrap_or(&shown).bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            b'.' if !text.is_empty() => text.push('.'),
            _ => {
                let _ = write!(text, "%{byte:02x}");
            }
        }
    }
    if text.is_empty() {
        text.push_str("%2e");
    }
    if text.len() > FILE_NAME_BYTES_MAX {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        text.truncate(FILE_NAME_BYTES_MAX - 17);
        let _ = write!(text, "%{:016x}", hasher.finish());
    }
    text.push_str(".last");
    text
}

#[cfg(test)]
mod tests {
    use super::super::test_zone::zone;
    use super::*;

    fn sample() -> Zone {
        zone(
            "example.net",
            "$TTL 60\n@ SOA ns h 7 1 1 1 1\n@ NS ns\n@ TXT \"a;b\"\nns A 192.0.2.1\na\\.b.c CNAME @\n",
        )
    }

    #[test]
    fn a_copy_reads_back_as_the_same_zone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.last");
        write(&path, &sample(), 42).unwrap();
        assert_eq!(
            header(&path),
            Some(Header {
                records: 5,
                made_from: 42
            })
        );
        let text = fs::read_to_string(&path).unwrap();
        let again = zone("example.net", &text);
        let mut dumped = Vec::new();
        write_records(&again, &mut dumped).unwrap();
        let records: String = text
            .lines()
            .filter(|l| !l.starts_with(';'))
            .map(|l| format!("{l}\n"))
            .collect();
        assert_eq!(String::from_utf8(dumped).unwrap(), records);
        assert!(
            records.starts_with("example.net. 60 IN SOA ns.example.net. h.example.net. 7 1 1 1 1\n"),
            "{records}"
        );
    }

    #[test]
    fn a_copy_that_is_cut_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.last");
        write(&path, &sample(), 42).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in [0, 10, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(header(&path), None, "{cut}");
        }
    }

    #[test]
    fn what_is_left_over_of_a_write_is_replaced_and_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x.last"), dir.path().join("other"));
        fs::write(&other, "not ours").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("x.new")).unwrap();
        write(&path, &sample(), 42).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        assert!(header(&path).is_some() && path.symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn what_is_left_over_of_a_write_goes_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        fs::create_dir(&folder).unwrap();
        let (copy, left_over) = (folder.join("x.last"), folder.join("x.new"));
        write(&copy, &sample(), 42).unwrap();
        fs::write(&left_over, "cut off").unwrap();
        drop(LastGood::start(dir.path()).unwrap());
        assert!(header(&copy).is_some() && !left_over.exists());
    }

    /// A file that was read just now.
    fn read(path: &Path) -> ReadFile {
        ReadFile {
            path: path.to_owned(),
            stamp: Stamp::of(path),
        }
    }

    #[test]
    fn a_zones_own_file_stays_what_it_was_but_for_its_content() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("net"), dir.path().join("link"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(4711), Some(4712)).unwrap();
        }
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let old = fs::metadata(&path).unwrap();
        let read = [read(&link)];
        let written = write_file(&link, &sample(), &read).unwrap();
        assert!(written.path == link && written.is_unchanged());
        let new = fs::metadata(&path).unwrap();
        let marks = |file: &fs::Metadata| (file.mode(), file.uid(), file.gid());
        assert_eq!(marks(&new), marks(&old));
        assert!(link.symlink_metadata().unwrap().is_symlink() && new.len() > 0);
        assert_eq!(dir.path().read_dir().unwrap().count(), 2);
    }

    #[test]
    fn a_zones_own_file_that_was_edited_since_it_was_read_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, included) = (dir.path().join("net"), dir.path().join("included"));
        fs::write(&path, "read").unwrap();
        fs::write(&included, "read").unwrap();
        let read = [&path, &included].map(|path| read(path));
        fs::write(&included, "edited").unwrap();
        let refused = write_file(&path, &sample(), &read);
        assert!(matches!(refused, Err(WriteError::Edited)), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "read");
        assert_eq!(dir.path().read_dir().unwrap().count(), 2);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.last");
        fs::create_dir_all(path.join("in the way")).unwrap();
        write(&path, &sample(), 42).unwrap_err();
        assert!(!dir.path().join("x.new").exists());
    }

    #[test]
    fn every_zone_has_a_file_name_of_its_own() {
        let name = |text: &str| file_name(&text.parse().unwrap());
        assert_eq!(name("Example.NET"), "example.net.last");
        assert_eq!(name("."), "%2e.last");
        assert_eq!(name("0/25.2.0.192.in-addr.arpa"), "0%2f25.2.0.192.in-addr.arpa.last");
        assert_eq!(name("a\\.b.c"), "a%5c.b.c.last");
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        let other = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "c".repeat(61));
        assert!(name(&long).len() <= FILE_NAME_BYTES_MAX + 5);
        assert_ne!(name(&long), name(&other));
    }
}
