//! The path of a log file, and how much of it the administrator wrote.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A rendered path: what stands before the first property of its template is trusted, the rest comes from messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath {
    bytes: Box<[u8]>,
    trusted: usize,
}

impl FilePath {
    /// The path, of which the first `trusted` bytes are the administrator's own. Where that is all of it, the last
    /// component may be a link too.
    pub(crate) fn new(bytes: &[u8], trusted: usize) -> Self {
        Self {
            bytes: bytes.into(),
            trusted: trusted.min(bytes.len()),
        }
    }

    /// All of it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of it, for messages and the standard library.
    pub(crate) fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes))
    }

    /// Whether nothing in it comes from a message.
    pub(super) fn is_fixed(&self) -> bool {
        self.trusted == self.bytes.len()
    }

    /// The directory that may be reached through links, with its closing slash; empty for a relative path.
    pub(super) fn trusted_directory(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[..self.trusted_length()]))
    }

    /// The directories below [`FilePath::trusted_directory`], none of which may be a link, and the file's name.
    pub(super) fn below(&self) -> (impl Iterator<Item = &Path>, &Path) {
        let rest = &self.bytes[self.trusted_length()..];
        let name_at = rest.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
        let directories = rest[..name_at]
            .split(|b| *b == b'/')
            .filter(|component| !component.is_empty())
            .map(|component| Path::new(OsStr::from_bytes(component)));
        (directories, Path::new(OsStr::from_bytes(&rest[name_at..])))
    }

    /// What messages, or rotation, have named: all of it below [`FilePath::trusted_directory`].
    pub(super) fn below_root(&self) -> &[u8] {
        &self.bytes[self.trusted_length()..]
    }

    /// The file's name.
    pub(super) fn file_name(&self) -> &[u8] {
        let slash = self.bytes.iter().rposition(|b| *b == b'/');
        &self.bytes[slash.map_or(0, |slash| slash + 1)..]
    }

    /// The file of this name in the same directory; a link is none.
    pub(super) fn beside(&self, name: &[u8]) -> Self {
        let directory = self.bytes.len() - self.file_name().len();
        Self::new(&[&self.bytes[..directory], name].concat(), self.trusted_length())
    }

    fn trusted_length(&self) -> usize {
        let prefix = &self.bytes[..self.trusted];
        prefix.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(path: &str, trusted: usize) -> (String, Vec<String>, String) {
        let path = FilePath::new(path.as_bytes(), trusted);
        let (directories, name) = path.below();
        (
            path.trusted_directory().display().to_string(),
            directories.map(|d| d.display().to_string()).collect(),
            name.display().to_string(),
        )
    }

    #[test]
    fn what_follows_the_first_property_is_not_trusted() {
        let split = split("/var/log/hosts/web1/sshd.log", "/var/log/hosts/".len());
        assert_eq!(
            split,
            ("/var/log/hosts/".into(), vec!["web1".into()], "sshd.log".into())
        );
    }

    #[test]
    fn a_component_that_is_partly_a_property_is_not_trusted() {
        let split = split("/var/log/host-web1/a.log", "/var/log/host-".len());
        assert_eq!(split, ("/var/log/".into(), vec!["host-web1".into()], "a.log".into()));
    }

    #[test]
    fn a_fixed_path_is_trusted_to_its_directory() {
        assert_eq!(
            split("/var/log/messages", 17),
            ("/var/log/".into(), vec![], "messages".into())
        );
        assert!(FilePath::new(b"/var/log/messages", 17).is_fixed());
    }
}
