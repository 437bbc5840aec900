//! The input `tcp`: frames on a connection.
//!
//! A connection's task reads as much as there is into its thread's buffer and sends the frames in it on their way, before
//! it waits again; between reads it keeps nothing but an incomplete frame. It reads nothing while the budget for rendered
//! lines is spent or a file that it wrote to holds its senders back: then TCP holds the sender.

use logd_core::framing::{Framer, Framing, Step};

use super::reader::{Read, Reader};
use super::sender::Sender;
use super::source::Refusal;
use super::transport::Transport;
use crate::pipeline::Scratch;

struct Connection {
    framer: Framer,
    reader: Reader,
    sender: Sender,
}

/// Serves a connection to its end.
pub(super) async fn serve(transport: Transport, framing: Framing, sender: Sender) {
    let connection = Connection {
        framer: Framer::new(framing, sender.source.input.message_bytes_max),
        reader: Reader::new(transport, sender.service.incomplete.charge()),
        sender,
    };
    connection.run().await;
}

impl Connection {
    async fn run(mut self) {
        let abandon = self.sender.service.abandon.child_token();
        tokio::select! {
            biased;
            () = abandon.cancelled() => {}
            () = self.read_to_end() => {}
        }
        self.deliver_incomplete();
        let Self { framer, reader, sender } = &mut self;
        sender.source.count_framing(sender.peer.ip(), framer.take_counters());
        reader.end(sender);
    }

    async fn read_to_end(&mut self) {
        loop {
            let Self { reader, sender, .. } = self;
            sender.room().await;
            if !sender.stop.is_cancelled() && !sender.readable(reader.transport()).await {
                return;
            }
            match self.read() {
                // Stopped: what was there has been read.
                Read::Empty if self.sender.stop.is_cancelled() => return,
                Read::End => return,
                Read::TooMuch => return self.sender.refuse(Refusal::IncompleteMax),
                Read::Some | Read::All | Read::Empty => {}
            }
            // While there is always something to read, the others shall have their turn.
            tokio::task::consume_budget().await;
        }
    }

    /// Reads what is there, once, and sends the frames in it on their way.
    fn read(&mut self) -> Read {
        let Self { framer, reader, sender } = self;
        sender.follow_if_changed();
        reader.read(sender, |sender, buffer, new, scratch| {
            let peer = sender.peer;
            let (mut batch, zone) = sender.batch(scratch);
            let mut at = 0;
            loop {
                match framer.next(&buffer[at..]) {
                    Step::Frame { frame, consumed } => {
                        batch.message(frame.bytes, frame.truncated, peer, zone);
                        at += consumed;
                    }
                    Step::BadOctetCount { consumed } => at += consumed,
                    Step::NeedMore { consumed } => {
                        at += consumed;
                        break;
                    }
                }
            }
            let tally = batch.finish();
            sender.source.count(new, &tally);
            sender.source.count_framing(sender.peer.ip(), framer.take_counters());
            at
        })
    }

    /// The last frame of a connection that ended without ending it. Of a line that its sender did not end nobody knows whether
    /// it is whole; one that we did not read to its end is not.
    fn deliver_incomplete(&mut self) {
        let Self { framer, reader, sender } = self;
        let incomplete = reader.take_incomplete();
        let Some(frame) = framer.finish(&incomplete) else {
            return;
        };
        let truncated = frame.truncated || !reader.has_ended();
        let peer = sender.peer;
        let tally = Scratch::with(|scratch| {
            let (mut batch, zone) = sender.batch(scratch);
            batch.message(frame.bytes, truncated, peer, zone);
            batch.finish()
        });
        sender.source.count(0, &tally);
    }
}
