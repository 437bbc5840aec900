//! Who holds a port: /proc knows the socket of an address, and the process of a socket.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::Transport;

/// The process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub program: String,
    /// Its number.
    pub pid: u32,
    /// The systemd unit it belongs to, if any.
    pub unit: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, pid {}", self.program, self.pid)?;
        match &self.unit {
            Some(unit) => write!(f, ": systemctl disable --now {unit}"),
            None => Ok(()),
        }
    }
}

/// Finds the holder of an address, as far as this user may look.
pub(super) fn find(address: SocketAddr, transport: Transport) -> Option<Holder> {
    let inodes: Vec<String> = ["", "6"]
        .iter()
        .filter_map(|family| fs::read_to_string(format!("/proc/net/{transport}{family}")).ok())
        .flat_map(|table| sockets_on(&table, address.port(), transport))
        .collect();
    find_by_inode(&inodes)
}

/// Finds who listens on a unix socket, as far as this user may look.
pub(super) fn find_path(path: &Path) -> Option<Holder> {
    find_by_inode(&sockets_at(&fs::read_to_string("/proc/net/unix").ok()?, path))
}

/// The inodes of the sockets that are bound to a path: /proc/net/unix has the inode in the seventh column and the path, which
/// can have spaces, after it (proc(5)).
fn sockets_at(table: &str, path: &Path) -> Vec<String> {
    let inode = |line: &str| {
        let inode = line.split_whitespace().nth(6)?;
        let bound = line.split_once(&format!(" {inode} "))?.1;
        (Path::new(bound) == path).then(|| inode.to_owned())
    };
    table.lines().filter_map(inode).collect()
}

fn find_by_inode(inodes: &[String]) -> Option<Holder> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        owns_any(&entry.path(), inodes).then(|| describe(pid, &entry.path()))
    })
}

/// The inodes of the sockets that listen on a port: /proc/net/{tcp,udp}{,6} have the local address as hexadecimal
/// `address:port` in the second column, the state in the fourth and the inode in the tenth (proc(5)).
fn sockets_on(table: &str, port: u16, transport: Transport) -> Vec<String> {
    const TCP_LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let listening = |line: &&str| {
        let mut columns = line.split_whitespace();
        columns.nth(1).is_some_and(|local| local.ends_with(&suffix))
            && (transport == Transport::Udp || columns.nth(1) == Some(TCP_LISTEN))
    };
    table
        .lines()
        .skip(1)
        .filter(listening)
        .filter_map(|l| l.split_whitespace().nth(9))
        .map(str::to_owned)
        .collect()
}

fn owns_any(process: &Path, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|target| {
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.iter().any(|i| i == inode))
        })
}

fn describe(pid: u32, process: &Path) -> Holder {
    let program = fs::read_to_string(process.join("comm"))
        .unwrap_or_default()
        .trim()
        .to_owned();
    let unit = fs::read_to_string(process.join("cgroup")).ok().and_then(|cgroup| {
        let service = cgroup.lines().next()?.rsplit('/').next()?;
        service.strip_suffix(".service").map(str::to_owned)
    });
    Holder { program, pid, unit }
}
