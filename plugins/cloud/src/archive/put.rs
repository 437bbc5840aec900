//! The parameters of `Put`, of which nothing was looked at.

use std::fs::File;
use std::os::fd::OwnedFd;

use ballast_shared::varlink::CallError;
use data_encoding::HEXLOWER_PERMISSIVE;
use rustix::fs::{OFlags, fcntl_getfl};
use serde_json::{Map, Value};

use super::source::Source;

/// Octets of a key.
pub(super) const KEY_BYTES_MAX: usize = 1024;

/// A file that is larger is none of logd's, and would take parts of a hundred megabytes.
const SIZE_MAX: u64 = 1 << 40;

/// A file that is to be stored.
#[derive(Debug)]
pub(super) struct Put {
    /// A path of one or more components, none of them empty, "." or "..", and without control characters.
    pub(super) key: String,
    /// In octets.
    pub(super) size: u64,
    /// Its digest, as it was given.
    pub(super) sha256: [u8; 32],
    pub(super) source: Source,
}

impl Put {
    pub(super) fn read(parameters: &Map<String, Value>, descriptors: Vec<OwnedFd>) -> Result<Self, CallError> {
        let wrong = CallError::InvalidParameter;
        let key = parameters.get("key").and_then(Value::as_str);
        let key = key.filter(|key| is_key(key)).ok_or(wrong("key"))?;
        let size = parameters.get("size").and_then(Value::as_u64);
        let size = size.filter(|size| *size <= SIZE_MAX).ok_or(wrong("size"))?;
        let sha256 = parameters.get("sha256").and_then(Value::as_str);
        let sha256 = sha256.and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
        let sha256 = sha256.and_then(|digest| digest.try_into().ok());
        let sha256 = sha256.ok_or(wrong("sha256"))?;
        let index = parameters.get("fd").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let file = index.and_then(|index| descriptors.into_iter().nth(index));
        let file = file.and_then(readable).ok_or(wrong("fd"))?;
        Ok(Self {
            key: key.to_owned(),
            size,
            sha256,
            source: Source::new(file, size),
        })
    }
}

fn is_key(key: &str) -> bool {
    let is_component = |component: &str| !matches!(component, "" | "." | "..");
    key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control) && key.split('/').all(is_component)
}

/// A regular file that may be read: of anything else a read may never end.
fn readable(descriptor: OwnedFd) -> Option<File> {
    let mode = fcntl_getfl(&descriptor).ok()? & OFlags::RWMODE;
    let file = File::from(descriptor);
    let is_readable = mode == OFlags::RDONLY || mode == OFlags::RDWR;
    (is_readable && file.metadata().ok()?.is_file()).then_some(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn read(change: impl Fn(&mut Map<String, Value>)) -> Result<Put, CallError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        let Value::Object(mut parameters) = json!({"fd": 0, "key": "web1/a.log", "size": 5, "sha256": "aB".repeat(32)})
        else {
            panic!("it is an object");
        };
        change(&mut parameters);
        Put::read(&parameters, vec![file.into()])
    }

    #[test]
    fn a_call_is_looked_at_before_anything_is_done() {
        let put = read(|_| {}).unwrap();
        assert_eq!((put.key.as_str(), put.size, put.sha256), ("web1/a.log", 5, [0xab; 32]));
        let long = "k".repeat(1025);
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "../a",
            "a/./b",
            "a/..",
            "a\nb",
            "a\0b",
            long.as_str(),
        ] {
            let refused = read(|parameters| drop(parameters.insert("key".into(), json!(key))));
            assert_eq!(refused.unwrap_err(), CallError::InvalidParameter("key"), "{key:?}");
        }
        for (name, value) in [
            ("size", json!(-1)),
            ("size", json!("5")),
            ("size", json!(2_u64 << 40)),
            ("sha256", json!("ab")),
            ("sha256", json!("zz".repeat(32))),
            ("fd", json!(1)),
            ("fd", json!(-1)),
            ("fd", Value::Null),
        ] {
            let refused = read(|parameters| drop(parameters.insert(name.into(), value.clone())));
            assert!(
                matches!(refused, Err(CallError::InvalidParameter(parameter)) if parameter == name),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn only_a_file_that_can_be_read_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let written = File::create(directory.path().join("f")).unwrap();
        assert!(readable(written.into()).is_none(), "only written");
        assert!(
            readable(File::open(directory.path()).unwrap().into()).is_none(),
            "a directory"
        );
        let (pipe, _end) = std::io::pipe().unwrap();
        assert!(readable(pipe.into()).is_none(), "a pipe");
        assert!(readable(File::open(directory.path().join("f")).unwrap().into()).is_some());
    }
}
