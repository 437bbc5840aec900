//! A file with a key, for those who have no KMS: 256 bits, in base64, that only its owner may read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::id::{SecretId, Version, random_id};
use super::record::Sealed;
use super::value::Secret;

const KEY_BYTES: usize = 32;

/// Octets of the file: the key, the end of its line, and enough to see that it is something else.
const FILE_BYTES_MAX: u64 = 256;

/// A key that was read.
pub(super) struct Key {
    key: LessSafeKey,
    /// What it is known by.
    id: String,
}

/// Who owns a file that we make, where that isn't who we are.
pub(super) type Owner = Option<(u32, u32)>;

impl Key {
    /// Reads the file; `None`: there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let unusable = |why: String| StoreError::Unavailable(format!("{}: {why}", path.display()));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let mode = file.metadata().map_err(|error| unusable(error.to_string()))?.mode();
        if mode & 0o077 != 0 {
            return Err(unusable(format!(
                "others than its owner may use it (mode {:04o}): `chmod 0600 {}`, and consider who has read it",
                mode & 0o7777,
                path.display()
            )));
        }
        // As large as it gets at once, so that no copy is left where it grew.
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 32));
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(|error| unusable(error.to_string()))?;
        let decoded = BASE64.decode(text.trim_ascii()).map(Zeroizing::new);
        let decoded = decoded.ok().filter(|octets| octets.len() == KEY_BYTES);
        let octets = decoded.ok_or_else(|| unusable("not a key of 256 bits in base64".into()))?;
        Ok(Some(Self::new(&octets).ok_or_else(|| unusable("not a key".into()))?))
    }

    fn new(octets: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, octets).ok()?;
        let digest = Sha256::new()
            .chain_update(b"the name of a key of cloudd: ")
            .chain_update(octets);
        Some(Self {
            key: LessSafeKey::new(key),
            id: format!("file:{}", HEXLOWER.encode(&digest.finalize()[..8])),
        })
    }

    /// Makes the file, unless there is one meanwhile. It is there whole or not at all, also after a crash.
    pub(super) fn make(path: &Path, owner: Owner) -> Result<(), StoreError> {
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let mut octets = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *octets)?;
        let mut line = Zeroizing::new(vec![b'\n'; BASE64.encode_len(KEY_BYTES) + 1]);
        let length = line.len() - 1;
        BASE64.encode_mut(&*octets, &mut line[..length]);
        let aside = aside(path)?;
        let made = write_new(&aside, &line, owner).and_then(|()| fs::hard_link(&aside, path));
        let removed = fs::remove_file(&aside);
        match made {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.and(removed).and_then(|()| sync_folder_of(path)).map_err(failed)?,
        }
        Ok(())
    }

    /// Encrypts a value, bound to what it is the value of.
    pub(super) fn seal(&self, id: &SecretId, version: Version, value: &Secret) -> Result<Sealed, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        // With room for the tag, so that it doesn't grow while the value is in it as it is.
        let mut octets = Zeroizing::new(Vec::with_capacity(value.octets().len() + AES_256_GCM.tag_len()));
        octets.extend_from_slice(value.octets());
        let aad = Aad::from(bound(id, version));
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *octets)
            .map_err(|_| StoreError::Length(value.octets().len()))?;
        Ok(Sealed {
            key: self.id.clone(),
            octets: BASE64.encode(&[&nonce[..], &octets[..]].concat()),
        })
    }

    /// Decrypts it.
    pub(super) fn open(&self, id: &SecretId, version: Version, sealed: &Sealed) -> Result<Secret, StoreError> {
        let failed = |why: &str| StoreError::Sealed {
            id: id.clone(),
            version,
            why: why.to_owned(),
        };
        if sealed.key != self.id {
            let why = format!(
                "it is encrypted under another key, {}; the key file has {}",
                sealed.key, self.id
            );
            return Err(failed(&why));
        }
        const CHANGED: &str = "it was changed, or is the value of another secret or version";
        let octets = BASE64.decode(sealed.octets.as_bytes()).map_err(|_| failed(CHANGED))?;
        let (nonce, octets) = octets.split_at_checked(NONCE_LEN).ok_or_else(|| failed(CHANGED))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed(CHANGED))?;
        let mut octets = Zeroizing::new(octets.to_vec());
        let length = self
            .key
            .open_in_place(nonce, Aad::from(bound(id, version)), &mut octets)
            .map_err(|_| failed(CHANGED))?
            .len();
        octets.truncate(length);
        Ok(octets.into())
    }
}

/// No part of it can have what stands between them.
fn bound(id: &SecretId, version: Version) -> Vec<u8> {
    format!("ballast-secret-1\0{}\0{}\0{version}", id.name(), id.environment()).into_bytes()
}

/// A name beside a path's that nobody else uses.
pub(super) fn aside(path: &Path) -> Result<PathBuf, StoreError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", random_id()?));
    Ok(path.with_file_name(name))
}

/// Writes a file that is not there yet, and waits until it is on the disk.
pub(super) fn write_new(path: &Path, octets: &[u8], owner: Owner) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(octets)?;
    file.sync_all()
}

/// What was renamed in a folder stays so after a crash.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
