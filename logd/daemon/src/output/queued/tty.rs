//! The output `tty`: lines to a terminal, such as a console that nobody logs in on.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use logd_core::terminal::safe;

use super::line_writer::{LineWriter, open_device};
use crate::output::queue::Queue;

/// Writes until the queue is closed.
pub(super) async fn run(path: &Path, queue: &Arc<Queue>) {
    let mut writer = LineWriter::new(path, open, queue);
    while let Some(records) = queue.take().await {
        writer.look();
        for line in records.iter() {
            writer.write(&safe(line)).await;
        }
        queue.settle(records.last());
    }
    writer.finish().await;
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let not_a_terminal = || io::Error::other("not a terminal");
    if !std::fs::metadata(path)?.file_type().is_char_device() {
        return Err(not_a_terminal());
    }
    let file = open_device(path, false)?;
    if file.is_terminal() {
        Ok(file)
    } else {
        Err(not_a_terminal())
    }
}
