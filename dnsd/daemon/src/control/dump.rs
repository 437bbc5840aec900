//! `Dump`: a zone as it is served, as the text of a master file, in pieces.
//!
//! A thread of its own writes them while the caller takes them, from the version that was served when it began: answers, and the
//! other callers, wait for neither.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use ballast_shared::varlink::Part;
use dnsd_core::zone::Zone;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::zones::key::ZoneKey;
use crate::zones::last_good;

/// A zone of a million records is some hundreds of pieces of this size, in octets.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that are ready before they are taken: one that is sent, and one behind it.
const PIECES_WAITING_MAX: usize = 2;

/// The pieces of a zone.
pub(super) fn dump(key: &ZoneKey, zone: Arc<Zone>) -> mpsc::Receiver<Part> {
    let (parts, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    let head = format!("; {key}, serial {}, {} records\n", zone.serial().0, zone.record_count());
    tokio::task::spawn_blocking(move || {
        let text = Vec::with_capacity(PIECE_BYTES * 2);
        let mut pieces = Pieces { parts, text };
        // An error says that the caller has gone.
        let _ = pieces
            .write_all(head.as_bytes())
            .and_then(|()| last_good::write_records(&zone, &mut pieces))
            .and_then(|()| pieces.send(false));
    });
    pieces
}

/// Gathers lines to pieces, and waits for their turn.
struct Pieces {
    parts: mpsc::Sender<Part>,
    text: Vec<u8>,
}

impl Pieces {
    fn send(&mut self, continues: bool) -> io::Result<()> {
        let text = String::from_utf8(mem::take(&mut self.text)).map_err(io::Error::other)?;
        let part = Part::new(Map::from_iter([("text".to_owned(), Value::String(text))]), continues);
        self.parts.blocking_send(part).map_err(io::Error::other)
    }
}

impl Write for Pieces {
    /// Takes whole lines.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(lines);
        if self.text.len() >= PIECE_BYTES {
            self.send(true)?;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::zones::test_zone::zone;

    #[test]
    fn a_large_zone_comes_in_pieces_that_are_whole_lines() {
        let mut text = "@ SOA n h 7 1 1 1 1\n@ NS n.other.\n".to_owned();
        for host in 0..5000 {
            writeln!(text, "h{host} TXT \"of host {host}\"").unwrap();
        }
        let zone = Arc::new(zone("example", &text));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pieces = runtime.block_on(async {
            let mut pieces = dump(&ZoneKey::outside("example".parse().unwrap()), zone.clone());
            let mut all = Vec::new();
            while let Some(piece) = pieces.recv().await {
                all.push(piece);
            }
            all
        });
        let (last, before) = pieces.split_last().unwrap();
        assert!(before.len() > 1 && before.iter().all(Part::continues) && !last.continues());
        let texts = pieces
            .iter()
            .map(|piece| piece.parameters().unwrap()["text"].as_str().unwrap());
        assert!(texts.clone().all(|text| text.ends_with('\n')));
        let mut expected = b"; example/IN, serial 7, 5002 records\n".to_vec();
        last_good::write_records(&zone, &mut expected).unwrap();
        assert_eq!(texts.collect::<String>().as_bytes(), expected);
    }
}
