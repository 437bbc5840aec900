//! The output `pipe`: lines to a named pipe, for who reads it. Nobody waits for a reader that is slow or not there, which costs
//! whole lines, and no line is torn: a pipe takes up to PIPE_BUF bytes in one piece, and what is longer is finished before another
//! is begun.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use super::line_writer::{LineWriter, open_device};
use crate::output::queue::Queue;

/// Writes until the queue is closed.
pub(super) async fn run(path: &Path, queue: &Arc<Queue>) {
    let mut writer = LineWriter::new(path, open, queue);
    while let Some(records) = queue.take().await {
        writer.look();
        for line in records.iter() {
            writer.write(line).await;
        }
        queue.settle(records.last());
    }
    writer.finish().await;
}

/// For reading too, as rsyslog does: then it can be opened before there is a reader, and what is written waits for one.
fn open(path: &Path) -> io::Result<File> {
    // Looked at first: opening some devices is not without effect.
    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::Error::other("not a named pipe"));
    }
    open_device(path, true)
}
