//! Inputs of this machine: sockets of its programs, its kernel, its journal, and the mark.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Span, Spanned};
use ballast_shared::privileges::Process;
use logd_core::parse::PidPolicy;

use super::{CONNECTIONS_MAX, at_least_one};
use crate::config::spec::{JournalSpec, KmsgSpec, MarkSpec, UnixSpec};
use crate::config::{JournalSettings, KmsgSettings, MarkSettings, UnixSettings};

/// The longest path of a unix socket (sun_path of unix(7), with the NUL at its end).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Everybody may log.
const SOCKET_MODE: u32 = 0o666;

const KMSG: &str = "/dev/kmsg";

/// As immark has it.
const MARK_EVERY: Duration = Duration::from_secs(20 * 60);
const MARK_EVERY_LEAST: Duration = Duration::from_secs(1);

/// Where journald has its files, those that outlive the machine's restart first.
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// Read by everybody, and by the group.
const READ_OTHERS: u32 = 0o4;
const READ_GROUP: u32 = 0o40;

pub(super) fn unix(spec: &UnixSpec, taken: &mut Vec<(PathBuf, Span)>, diagnostics: &Diagnostics) -> UnixSettings {
    if let Some(path) = &spec.path {
        take(path, taken, diagnostics);
        look_at_socket(path, diagnostics);
    }
    UnixSettings {
        path: spec.path.as_ref().map(|path| path.value.clone()).unwrap_or_default(),
        stream: spec.stream.unwrap_or(false),
        mode: spec.mode.map_or(SOCKET_MODE, |mode| mode.0),
        create_path: spec.create_path.unwrap_or(false),
        connections_max: at_least_one(spec.connections_max, diagnostics).unwrap_or(CONNECTIONS_MAX),
        pid: match spec.use_pid_from_system {
            None => PidPolicy::Checked,
            Some(true) => PidPolicy::FromSystem,
            Some(false) => PidPolicy::AsWritten,
        },
        ignore_timestamp: spec.ignore_timestamp.unwrap_or(true),
        parse_hostname: spec.parse_hostname.unwrap_or(false),
    }
}

pub(super) fn kmsg(spec: &KmsgSpec, taken: &mut Vec<(PathBuf, Span)>, diagnostics: &Diagnostics) -> KmsgSettings {
    let path = spec.path.clone().unwrap_or(Spanned {
        value: KMSG.into(),
        span: spec.span,
    });
    take(&path, taken, diagnostics);
    KmsgSettings {
        path: path.value,
        permit_non_kernel_facility: spec.permit_non_kernel_facility.unwrap_or(true),
    }
}

pub(super) fn mark(spec: &MarkSpec, diagnostics: &Diagnostics) -> MarkSettings {
    let every = spec.every.map_or(MARK_EVERY, |every| {
        if every.value < MARK_EVERY_LEAST {
            diagnostics.error(every.span, "at least \"1s\"");
        }
        every.value
    });
    MarkSettings { every }
}

pub(super) fn journal(spec: &JournalSpec, process: &Process, diagnostics: &Diagnostics) -> JournalSettings {
    let directories = match &spec.directory {
        Some(directory) => vec![directory.as_path()],
        None => JOURNALS.map(Path::new).to_vec(),
    };
    let found = directories
        .iter()
        .find_map(|directory| Some((*directory, fs::metadata(directory).ok()?)));
    if let Some((directory, metadata)) = found
        && process
            .uid()
            .is_some_and(|uid| !uid.is_root() && uid.as_raw() != metadata.uid())
        && metadata.mode() & READ_OTHERS == 0
        && !(metadata.mode() & READ_GROUP != 0 && process.groups().iter().any(|group| group.as_raw() == metadata.gid()))
    {
        // No more than a warning: journald gives the group `adm` access by lists that the mode does not show.
        diagnostics.warning(
            spec.span,
            format!(
                "the daemon will run as another user, who may not read {}: put it in the group systemd-journal",
                directory.display()
            ),
        );
    }
    JournalSettings {
        directory: spec.directory.clone(),
        ignore_previous_messages: spec.ignore_previous_messages.unwrap_or(false),
    }
}

/// Of a path one input reads.
fn take(path: &Spanned<PathBuf>, taken: &mut Vec<(PathBuf, Span)>, diagnostics: &Diagnostics) {
    match taken.iter().find(|(other, _)| *other == path.value) {
        Some((_, first)) => {
            let first = diagnostics.place(*first);
            diagnostics.error(path.span, format!("this path is read already, at {first}"));
        }
        None => taken.push((path.value.clone(), path.span)),
    }
}

/// What is there and would not be replaced.
fn look_at_socket(path: &Spanned<PathBuf>, diagnostics: &Diagnostics) {
    let shown = path.value.display();
    if path.value.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        diagnostics.error(
            path.span,
            format!("the path of a socket has {SOCKET_PATH_BYTES_MAX} bytes at most"),
        );
    }
    let Ok(metadata) = fs::symlink_metadata(&path.value) else {
        return;
    };
    if metadata.is_symlink() {
        let to = fs::read_link(&path.value).unwrap_or_default();
        let message = format!("{shown} is a link to {}, which logd does not replace", to.display());
        if to.starts_with("/run/systemd/journal") {
            let help = "journald takes these messages; what it has is read by [input.NAME.journal]";
            diagnostics.error_with_help(path.span, message, help);
        } else {
            diagnostics.error(path.span, message);
        }
    } else if !metadata.file_type().is_socket() {
        diagnostics.error(path.span, format!("{shown} is there and is no socket"));
    }
}
