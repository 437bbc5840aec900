//! Privileges are dropped once the sockets are bound: `[process]` in both daemons.
//!
//! Called before any thread is started: the user is changed for the whole process, but capabilities are each thread's own.

use std::ffi::CString;
use std::fmt;

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use nix::errno::Errno;
use nix::sys::prctl::set_keepcaps;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist, initgroups, setgid, setuid};

use crate::config::{FromValue, Spanned, Table, Value};

/// `[process]` as written.
#[derive(Debug, Default)]
pub struct ProcessSpec {
    /// `user`
    pub user: Option<Spanned<String>>,
    /// `group`
    pub group: Option<Spanned<String>>,
    /// `umask`, as octal digits
    pub umask: Option<Spanned<OctalMode>>,
}

impl ProcessSpec {
    /// Reads the table.
    pub fn read(&mut self, table: &Table<'_>) {
        table.once("user", &mut self.user);
        table.once("group", &mut self.group);
        table.once("umask", &mut self.umask);
    }
}

/// `[process]`, resolved against the system's users and groups.
#[derive(Debug, Clone, Default)]
pub struct Process {
    user: Option<User>,
    group: Option<Gid>,
    umask: Option<OctalMode>,
}

impl Process {
    /// Looks the names up; reports those that don't exist.
    #[must_use]
    pub fn resolve(spec: &ProcessSpec, diagnostics: &crate::config::Diagnostics) -> Self {
        let user = spec.user.as_ref().and_then(|name| {
            let user = find_user(&name.value);
            if user.is_none() {
                diagnostics.error(name.span, format!("no user \"{}\" on this machine", name.value));
            }
            user
        });
        let group = spec.group.as_ref().and_then(|name| {
            let group = find_group(&name.value);
            if group.is_none() {
                diagnostics.error(name.span, format!("no group \"{}\" on this machine", name.value));
            }
            group
        });
        Self {
            user,
            group,
            umask: spec.umask.as_ref().map(|m| m.value),
        }
    }

    /// The user that the daemon will run as, if it changes.
    #[must_use]
    pub fn uid(&self) -> Option<Uid> {
        self.user.as_ref().map(|u| u.uid)
    }

    /// The group that the daemon will run as, if it changes.
    #[must_use]
    pub fn gid(&self) -> Option<Gid> {
        self.group.or(self.user.as_ref().map(|u| u.gid))
    }

    /// The groups that the daemon will be in, if it changes its user.
    #[must_use]
    pub fn groups(&self) -> Vec<Gid> {
        let Some(group) = self.gid() else { return Vec::new() };
        let name = self
            .user
            .as_ref()
            .and_then(|user| CString::new(user.name.as_str()).ok());
        name.and_then(|name| getgrouplist(&name, group).ok())
            .unwrap_or_else(|| vec![group])
    }

    /// The umask, if it is set.
    #[must_use]
    pub fn umask(&self) -> Option<u32> {
        self.umask.map(|mode| mode.0)
    }

    /// Sets the umask and becomes the configured user and group, keeping only the given capabilities.
    ///
    /// # Errors
    /// When the system refuses; a daemon then ends rather than running with more rights than it was meant to have.
    pub fn assume(&self, keep: &[Capability]) -> Result<(), PrivilegeError> {
        if let Some(OctalMode(mask)) = self.umask {
            umask(Mode::from_bits_truncate(mask));
        }
        // What a service manager gave us for ourselves isn't for the programs that we start.
        caps::clear(None, CapSet::Ambient).map_err(PrivilegeError::Capabilities)?;
        let group = self.gid();
        if let (Some(group), true) = (group, geteuid().is_root()) {
            match &self.user {
                Some(user) => {
                    let name = CString::new(user.name.as_str()).map_err(|_| PrivilegeError::Groups(Errno::EINVAL))?;
                    initgroups(&name, group).map_err(PrivilegeError::Groups)?;
                }
                None => nix::unistd::setgroups(&[group]).map_err(PrivilegeError::Groups)?,
            }
            setgid(group).map_err(PrivilegeError::Group)?;
        }
        let Some(user) = &self.user else { return Ok(()) };
        if geteuid() == user.uid {
            return Ok(());
        }
        set_keepcaps(true).map_err(PrivilegeError::User)?;
        setuid(user.uid).map_err(PrivilegeError::User)?;
        let keep: CapsHashSet = keep.iter().copied().collect();
        caps::set(None, CapSet::Effective, &keep).map_err(PrivilegeError::Capabilities)?;
        caps::set(None, CapSet::Permitted, &keep).map_err(PrivilegeError::Capabilities)?;
        Ok(())
    }
}

/// The user of this name or number.
#[must_use]
pub fn find_user(name: &str) -> Option<User> {
    User::from_name(name)
        .ok()
        .flatten()
        .or_else(|| User::from_uid(name.parse::<u32>().ok()?.into()).ok().flatten())
}

/// The group of this name or number.
#[must_use]
pub fn find_group(name: &str) -> Option<Gid> {
    let group = Group::from_name(name).ok().flatten();
    group.map(|g| g.gid).or_else(|| Some(Gid::from_raw(name.parse().ok()?)))
}

/// Permission bits, written as octal digits: `"0640"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OctalMode(
    /// The bits.
    pub u32,
);

impl FromValue for OctalMode {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let bits = u32::from_str_radix(value.string()?, 8)
            .ok()
            .filter(|bits| *bits <= 0o7777);
        if bits.is_none() {
            value.error_with_help("not a mode", "modes are octal digits in quotes: \"0640\"");
        }
        bits.map(Self)
    }
}

/// What the system refused when privileges were to be dropped.
#[derive(Debug)]
pub enum PrivilegeError {
    /// The supplementary groups could not be set.
    Groups(Errno),
    /// The group could not be changed.
    Group(Errno),
    /// The user could not be changed.
    User(Errno),
    /// The capabilities could not be cut down.
    Capabilities(CapsError),
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups(errno) => write!(f, "cannot set the supplementary groups: {errno}"),
            Self::Group(errno) => write!(f, "cannot change the group: {errno}"),
            Self::User(errno) => write!(f, "cannot change the user: {errno}"),
            Self::Capabilities(error) => write!(f, "cannot cut down the capabilities: {error}"),
        }
    }
}

impl std::error::Error for PrivilegeError {}
