//! The least that a collector can do, on one thread: a sink writes what it reads to one file and looks at nothing; the floor
//! splits lines by host and program, without any check, and writes each to its file. No collector takes less than the floor.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// What is read at a time.
const READ_BYTES: usize = 64 << 10;

/// A file's buffer is written when it holds this much.
const WRITE_BYTES: usize = 16 << 10;

/// Buffers are written when nothing has come for this long.
const IDLE_MS: u16 = 50;

/// … and this often at the least.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// How long `Oct  1 22:14:15` is.
const STAMP_BYTES: usize = 15;

/// What is done with what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// Written to one file, unread.
    Sink,
    /// Lines of RFC 3164.
    Lines,
    /// Octet-counted messages of RFC 5424.
    Counted,
}

/// Serves until it is told to stop.
///
/// # Errors
/// What the system says.
pub fn serve(listen: SocketAddr, root: &Path, work: Work, stop: &Arc<AtomicBool>) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    // Again, with room for a thousand connections at once.
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(4096)?)?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let watch = |fd: &dyn AsFdAndNumber| epoll.add(fd.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, fd.number()));
    watch(&listener)?;
    let mut connections: HashMap<u64, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut files = Files::new(root);
    let mut sink = match work {
        Work::Sink => Some(File::create(root.join("sink.log"))?),
        Work::Lines | Work::Counted => None,
    };
    let mut buffer = vec![0; 2 * READ_BYTES];
    let mut events = vec![EpollEvent::empty(); 512];
    let mut flushed = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let count = match epoll.wait(&mut events, EpollTimeout::from(IDLE_MS)) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        if count == 0 || flushed.elapsed() > FLUSH_EVERY {
            files.flush()?;
            flushed = Instant::now();
        }
        for event in &events[..count] {
            if event.data() == listener.number() {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    watch(&stream)?;
                    connections.insert(stream.number(), (stream, Vec::new()));
                }
                continue;
            }
            let Some((stream, rest)) = connections.get_mut(&event.data()) else {
                continue;
            };
            let kept = rest.len();
            buffer[..kept].copy_from_slice(rest);
            let read = match stream.read(&mut buffer[kept..]) {
                Ok(0) => {
                    connections.remove(&event.data());
                    continue;
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            let bytes = &buffer[..kept + read];
            let used = match (&mut sink, work) {
                (Some(sink), _) => {
                    sink.write_all(bytes)?;
                    bytes.len()
                }
                (None, Work::Counted) => files.take_counted(bytes)?,
                (None, _) => files.take_lines(bytes)?,
            };
            rest.clear();
            rest.extend_from_slice(&bytes[used..]);
        }
    }
    files.flush()
}

/// A descriptor and its number, by which the events of one are told from those of another.
trait AsFdAndNumber: std::os::fd::AsFd + AsRawFd {
    fn number(&self) -> u64 {
        self.as_raw_fd() as u64
    }
}

impl<T: std::os::fd::AsFd + AsRawFd> AsFdAndNumber for T {}

/// The files by host and program, as they stand beside each other in a message.
struct Files {
    root: PathBuf,
    index: HashMap<Vec<u8>, usize, std::hash::BuildHasherDefault<Quick>>,
    files: Vec<(File, Vec<u8>)>,
}

impl Files {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            index: HashMap::default(),
            files: Vec::new(),
        }
    }

    /// Appends the whole lines; how many bytes they had.
    fn take_lines(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + end];
            at += end + 1;
            // `<PRI>Mmm dd hh:mm:ss HOST PROGRAM[PID]: …`
            let start = memchr::memchr(b'>', line).map_or(0, |found| found + 1);
            self.append(&line[start..], STAMP_BYTES + 1)?;
        }
        Ok(at)
    }

    /// Appends the whole messages; how many bytes they had.
    fn take_counted(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let Some(space) = memchr::memchr(b' ', rest) else {
                return Ok(at);
            };
            let count = rest[..space]
                .iter()
                .fold(0, |count, digit| count * 10 + usize::from(digit - b'0'));
            let Some(message) = rest.get(space + 1..space + 1 + count) else {
                return Ok(at);
            };
            at += space + 1 + count;
            // `<PRI>1 STAMP HOST PROGRAM PROCID …`
            let start = memchr::memchr(b'>', message).map_or(0, |found| found + 1);
            let line = &message[start..];
            let host = memchr::memchr(b' ', &line[2..]).map_or(0, |found| found + 3);
            self.append(line, host)?;
        }
    }

    /// Appends a line, in which the host begins at `host`.
    fn append(&mut self, line: &[u8], host: usize) -> io::Result<()> {
        let Some(names) = line.get(host..) else { return Ok(()) };
        let Some(host_bytes) = memchr::memchr(b' ', names) else {
            return Ok(());
        };
        let is_end = |byte: &u8| matches!(byte, b'[' | b':' | b' ');
        let Some(program_bytes) = names[host_bytes + 1..].iter().position(is_end) else {
            return Ok(());
        };
        let key = &names[..host_bytes + 1 + program_bytes];
        let index = match self.index.get(key) {
            Some(index) => *index,
            None => self.open(key, host_bytes)?,
        };
        let (file, buffer) = &mut self.files[index];
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
        if buffer.len() >= WRITE_BYTES {
            file.write_all(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    fn open(&mut self, key: &[u8], host_bytes: usize) -> io::Result<usize> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let directory = self.root.join(text(&key[..host_bytes]));
        fs::create_dir_all(&directory)?;
        let path = directory.join(format!("{}.log", text(&key[host_bytes + 1..])));
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        self.files
            .push((file, Vec::with_capacity(WRITE_BYTES + WRITE_BYTES / 8)));
        self.index.insert(key.to_vec(), self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        for (file, buffer) in &mut self.files {
            if !buffer.is_empty() {
                file.write_all(buffer)?;
                buffer.clear();
            }
        }
        Ok(())
    }
}

/// As little as spreads names: nobody attacks a floor.
#[derive(Default)]
struct Quick(u64);

impl std::hash::Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::message::{Format, Framing, Layout, Share};
    use crate::syslog::verify::verify;

    fn split(format: Format, framing: Framing, take: fn(&mut Files, &[u8]) -> io::Result<usize>) {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(200, format, framing);
        let mut files = Files::new(root.path());
        let mut stream = layout.repeated(100);
        let mut share = Share::of(1, 7, 0, 100).remove(0);
        stream
            .chunks_exact_mut(layout.length())
            .for_each(|message| share.fill(&layout, message));
        // Cut in the middle of a message.
        let (first, _) = stream.split_at(1234);
        let used = take(&mut files, first).unwrap();
        assert!(used < 1234);
        take(&mut files, &stream[used..]).unwrap();
        files.flush().unwrap();
        let found = verify(root.path(), 100).unwrap();
        assert!(found.is_exact() && found.lines == 100, "{found:?}");
    }

    #[test]
    fn lines_and_counted_messages_are_split_by_host() {
        split(Format::Rfc3164, Framing::Newline, Files::take_lines);
        split(Format::Rfc5424, Framing::OctetCounted, Files::take_counted);
    }
}
