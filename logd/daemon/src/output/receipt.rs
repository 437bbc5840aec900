//! What has to be safe before messages are acknowledged to their sender.
//!
//! A batch notes in it where its messages went. One number for each file is enough: when it is settled, all before it are. Of
//! outputs that drop when they are full nothing is noted: who chose that doesn't want to be waited for.

use std::sync::Arc;

use super::file::{LogFile, Store};
use super::queue::Queue;
use super::settlement::Standing;

/// So many of the files noted last are looked through for one that is noted again; any that comes twice does no harm.
const LOOKED_THROUGH: usize = 8;

/// Files and queues, and the last line or record that was appended to each.
#[derive(Default)]
pub(crate) struct Receipt {
    files: Vec<(Arc<LogFile>, u64)>,
    queues: Vec<(Arc<Queue>, u64)>,
}

impl Receipt {
    /// A line was appended to this file.
    pub(crate) fn note_file(&mut self, file: &Arc<LogFile>) {
        if !file.is_waited_for() {
            return;
        }
        // It may be another's line, which has come in between.
        note(&mut self.files, file, file.settlement().appended());
    }

    /// A record was appended to this queue, under this number.
    pub(crate) fn note_queue(&mut self, queue: &Arc<Queue>, number: u64) {
        if queue.is_waited_for() {
            note(&mut self.queues, queue, number);
        }
    }

    /// Has all lines written now rather than when their buffers are full or due; queues are emptied at once as it is.
    pub(crate) fn hasten(&self, store: &Store) {
        for (file, number) in &self.files {
            if file.settlement().standing(*number) == Standing::Pending {
                file.hasten(store);
            }
        }
    }

    /// How it stands with all of it.
    pub(crate) fn standing(&self) -> Standing {
        let of_files = self
            .files
            .iter()
            .map(|(file, number)| (file.settlement().standing(*number), file.is_waited_for()));
        let of_queues = self
            .queues
            .iter()
            .map(|(queue, number)| (queue.settlement().standing(*number), queue.is_waited_for()));
        let mut all = Standing::Settled;
        for (standing, is_waited_for) in of_files.chain(of_queues) {
            match standing {
                Standing::Lost => return Standing::Lost,
                Standing::Pending if is_waited_for => all = Standing::Pending,
                Standing::Pending | Standing::Settled => {}
            }
        }
        all
    }

    /// Waits until nothing of it is pending any more; [`Receipt::standing`] tells what came of it. Nothing is lost when this is
    /// dropped before it is done.
    pub(crate) async fn settled(&self) {
        for (file, number) in &self.files {
            file.settlement().wait(*number, || file.is_waited_for()).await;
        }
        for (queue, number) in &self.queues {
            queue.settlement().wait(*number, || queue.is_waited_for()).await;
        }
    }
}

fn note<T>(known: &mut Vec<(Arc<T>, u64)>, noted: &Arc<T>, number: u64) {
    let mut latest = known.iter_mut().rev().take(LOOKED_THROUGH);
    match latest.find(|(one, _)| Arc::ptr_eq(one, noted)) {
        Some((_, last)) => *last = number,
        None => known.push((noted.clone(), number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::queue::Queued;
    use crate::output::{Patience, WhenFull};

    /// Appends a record and notes it.
    fn append(receipt: &mut Receipt, queue: &Arc<Queue>) -> u64 {
        let Queued::Waiting(number) = queue.append(Patience::Waits, |record| record.push(b'x')) else {
            panic!("there is room")
        };
        receipt.note_queue(queue, number);
        number
    }

    #[tokio::test]
    async fn all_outputs_that_block_have_to_be_settled() {
        let queues = [
            Queue::of_test(1 << 10, WhenFull::Block),
            Queue::of_test(1 << 10, WhenFull::Block),
            Queue::of_test(1 << 10, WhenFull::Drop),
        ];
        let mut receipt = Receipt::default();
        assert_eq!(receipt.standing(), Standing::Settled, "a message that no output wants");
        let last = queues.each_ref().map(|queue| {
            append(&mut receipt, queue);
            append(&mut receipt, queue)
        });
        queues[0].settle(last[0]);
        queues[1].settle(last[1] - 1);
        assert_eq!(receipt.standing(), Standing::Pending);
        tokio::join!(receipt.settled(), async { queues[1].settle(last[1]) });
        assert_eq!(receipt.standing(), Standing::Settled);
    }

    #[tokio::test]
    async fn an_output_that_is_no_more_is_not_waited_for() {
        let queue = Queue::of_test(1 << 10, WhenFull::Block);
        let mut receipt = Receipt::default();
        append(&mut receipt, &queue);
        tokio::join!(receipt.settled(), async { queue.abandon() });
        assert_eq!(receipt.standing(), Standing::Settled);
    }
}
