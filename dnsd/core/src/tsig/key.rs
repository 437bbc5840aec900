//! Keys, and the set of those that a server knows.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::mac::MacState;
use super::record::record_bytes;
use super::{Algorithm, Secret};
use crate::name::{NAME_BYTES_MAX, Name, NameRef};

/// A key: a name, an algorithm and a secret that two hosts share, and when a message was last signed with it that was good.
///
/// It keeps what HMAC made of the secret, not the secret.
pub struct Key {
    /// In lower case, which is how it stands in messages and in what is signed (RFC 8945 §4.3.3).
    name: Name,
    algorithm: Algorithm,
    /// Of the secret; of one that is not known yet, of something that nobody knows.
    state: MacState,
    /// Of the secret that has become known since.
    revealed: OnceLock<MacState>,
    is_known: AtomicBool,
    /// Seconds since 1970; 0: not yet.
    last_used: AtomicU64,
    /// Who used it then.
    user: Mutex<Option<IpAddr>>,
    /// When that was written down.
    user_noted: AtomicU64,
}

/// When a key was last used, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Seconds since 1970.
    pub at: u64,
    /// Whose message it was, as far as that was [told](Key::note_user); of several within a second one of them.
    pub by: Option<IpAddr>,
}

impl Key {
    /// A key that hasn't been used.
    pub fn new(name: &Name, algorithm: Algorithm, secret: &Secret) -> Self {
        Self::with(name, algorithm, secret, true)
    }

    /// A key whose secret is not known yet. Until it is [revealed](Self::reveal) no request is verified with it, and what is signed
    /// with it nobody accepts. `random` is what nobody knows: answers that claim to be signed with the key are held against it.
    pub fn unknown(name: &Name, algorithm: Algorithm, random: &Secret) -> Self {
        Self::with(name, algorithm, random, false)
    }

    fn with(name: &Name, algorithm: Algorithm, secret: &Secret, is_known: bool) -> Self {
        let mut lowercase = [0; NAME_BYTES_MAX];
        Self {
            name: NameRef::trusted(name.lowercase_into(&mut lowercase)).to_name(),
            algorithm,
            state: MacState::new(algorithm, secret.as_bytes()),
            revealed: OnceLock::new(),
            is_known: AtomicBool::new(is_known),
            last_used: AtomicU64::new(0),
            user: Mutex::default(),
            user_noted: AtomicU64::new(0),
        }
    }

    /// Makes the secret known of a key that has none; whether it is this one's now. A secret that is known stays.
    pub fn reveal(&self, secret: &Secret) -> bool {
        let state = MacState::new(self.algorithm, secret.as_bytes());
        let is_new = !self.is_known() && self.revealed.set(state).is_ok();
        if is_new {
            self.is_known.store(true, Ordering::Release);
        }
        is_new
    }

    /// Whether its secret is known.
    pub fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Acquire)
    }

    /// Its name, in lower case.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The octets that the signature of a request takes.
    pub fn room(&self) -> usize {
        record_bytes(
            self.name.as_name_ref(),
            self.algorithm.name(),
            self.algorithm.mac_bytes(),
        )
    }

    /// When a message last came that was rightly signed with it, in seconds since 1970.
    pub fn last_used(&self) -> Option<u64> {
        Some(self.last_used.load(Ordering::Relaxed)).filter(|&time| time != 0)
    }

    /// The same, and whose message it was.
    pub fn last_use(&self) -> Option<KeyUse> {
        let at = self.last_used()?;
        let by = *self.user.lock().unwrap_or_else(PoisonError::into_inner);
        Some(KeyUse { at, by })
    }

    /// Notes whose message that was, which was good now. Once a second: what cores that use the same key share is left alone.
    pub fn note_user(&self, user: IpAddr, now: u64) {
        if self.user_noted.load(Ordering::Relaxed) != now
            // Whoever else writes it down now is a user, too.
            && let Ok(mut noted) = self.user.try_lock()
        {
            *noted = Some(user);
            self.user_noted.store(now, Ordering::Relaxed);
        }
    }

    /// Takes over when the key was last used, and by whom, from what it was before a reload.
    pub fn inherit_use(&self, former: &Self) {
        self.note_use(former.last_used.load(Ordering::Relaxed));
        let user = *former.user.lock().unwrap_or_else(PoisonError::into_inner);
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = user;
    }

    /// Notes that the key was used. Within a second there is nothing to write, so cores that use the same key don't take
    /// the memory from each other.
    pub(super) fn note_use(&self, now: u64) {
        if self.last_used.load(Ordering::Relaxed) < now {
            self.last_used.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// A MAC that has seen the secret only.
    pub(super) fn mac(&self) -> MacState {
        self.revealed.get().unwrap_or(&self.state).clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The keys that a server knows, by name.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    /// By the wire form of the name in lower case, so that a message's name is looked up without a copy on the heap.
    by_name: HashMap<Box<[u8]>, Arc<Key>>,
}

impl Keys {
    /// Of keys with the same name the last one is kept.
    pub fn new(keys: impl IntoIterator<Item = Arc<Key>>) -> Self {
        let by_name = keys.into_iter().map(|key| (key.name.as_wire().into(), key)).collect();
        Self { by_name }
    }

    /// The key of this name, in any case of its letters.
    pub fn find(&self, name: NameRef<'_>) -> Option<&Arc<Key>> {
        let mut lowercase = [0; NAME_BYTES_MAX];
        self.by_name.get(name.lowercase_into(&mut lowercase))
    }

    /// All keys, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.by_name.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        let secret = Secret::new(b"not to be seen").unwrap();
        Key::new(&name.parse().unwrap(), Algorithm::HMAC_SHA256, &secret)
    }

    #[test]
    fn rfc8945_4_3_3_a_key_is_found_in_any_case() {
        let keys = Keys::new([Arc::new(key("LAN-Transfer"))]);
        let name: Name = "lan-tRANSFER".parse().unwrap();
        let found = keys.find(name.as_name_ref()).unwrap();
        assert_eq!(found.name().as_wire(), b"\x0Clan-transfer\x00");
        assert!(keys.find(NameRef::ROOT).is_none());
    }

    #[test]
    fn a_key_shows_neither_its_secret_nor_what_was_made_of_it() {
        let shown = format!("{:?}", key("k"));
        assert_eq!(shown, "Key { name: Name(k.), algorithm: Algorithm(hmac-sha256), .. }");
    }

    #[test]
    fn a_secret_is_revealed_once_and_a_known_one_stays() {
        let secret = |text: &[u8]| Secret::new(text).unwrap();
        let key = Key::unknown(&"k".parse().unwrap(), Algorithm::HMAC_SHA256, &secret(b"random"));
        assert!(!key.is_known());
        assert!(key.reveal(&secret(b"first")) && key.is_known());
        assert!(!key.reveal(&secret(b"second")));
        let mac = |key: &Key| key.mac().finish(32).as_bytes().to_vec();
        let same = Key::new(&"k".parse().unwrap(), Algorithm::HMAC_SHA256, &secret(b"first"));
        assert_eq!(mac(&key), mac(&same));
        assert!(!same.reveal(&secret(b"second")));
    }

    #[test]
    fn the_last_use_is_the_latest_one() {
        let (old, new) = (key("k"), key("k"));
        assert_eq!(old.last_used(), None);
        old.note_use(7);
        old.note_use(5);
        assert_eq!(old.last_used(), Some(7));
        new.inherit_use(&old);
        assert_eq!(new.last_used(), Some(7));
    }
}
