//! Spools on disks that refuse.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use logd_core::spool::SPOOL_BYTES_MIN;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::output::queue::Queued;
use crate::output::{Patience, Standing};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Four of them are a segment of the smallest spool.
const RECORD_BYTES: usize = 1 << 20;

fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().unwrap()
}

/// A spool and the task that stores.
struct Storer {
    queue: Arc<Queue>,
    spooled: Arc<Spooled>,
    task: JoinHandle<()>,
}

async fn storer(directory: &Path, sync: Sync) -> Storer {
    let settings = SpoolSettings {
        directory: directory.to_owned(),
        bytes_max: SPOOL_BYTES_MIN,
        when_full: WhenFull::Block,
        sync,
    };
    let queue = Queue::of_test(1 << 30, crate::output::WhenFull::Block);
    let spooled = Spooled::open(&settings, &queue).await.unwrap();
    let task = tokio::spawn(spooled.clone().store());
    Storer { queue, spooled, task }
}

impl Storer {
    /// Appends a record that is its number and much behind it, and waits until something has become of it.
    async fn store(&self) -> u64 {
        let mut record = vec![b'x'; RECORD_BYTES];
        record[0] = self.queue.settlement().appended() as u8 + 1;
        let Queued::Waiting(number) = self.queue.append(Patience::Waits, |to| to.extend(&record)) else {
            panic!("there is room");
        };
        let waiting = self.queue.settlement().wait(number, || true);
        timeout(DEADLINE, waiting).await.expect("it is stored");
        number
    }
}

/// Reads so many records, and no more than there are.
async fn read(reader: &mut Reader, count: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < count {
        let ready = timeout(DEADLINE, reader.ready()).await;
        assert!(ready.expect("there is more to read"), "nothing is stored any more");
        reader.feed(usize::MAX, |_, record| {
            read.push(record[0]);
            true
        });
    }
    read
}

#[test]
fn who_waits_for_the_disk_keeps_no_other_task_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime(1);
    let storer = runtime.block_on(storer(directory.path(), Sync::Never));
    let at_the_disk = storer.spooled.lock();
    let mut reader = Reader::new(storer.spooled.clone());
    let (begun, begins) = mpsc::channel();
    let rewinding = runtime.spawn(async move {
        begun.send(()).unwrap();
        reader.rewind();
    });
    begins.recv_timeout(DEADLINE).unwrap();
    let (ran, runs) = mpsc::channel();
    runtime.spawn(async move { ran.send(()) });
    runs.recv_timeout(DEADLINE).expect("another task runs meanwhile");
    drop(at_the_disk);
    runtime.block_on(rewinding).unwrap();
}

#[test]
fn what_could_not_be_synced_is_sent_and_never_acknowledged() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("spool");
    runtime(2).block_on(async {
        let storer = storer(&directory, Sync::Always).await;
        for _ in 0..5 {
            let number = storer.store().await;
            assert_eq!(storer.queue.settlement().standing(number), Standing::Settled);
        }
        let mut reader = Reader::new(storer.spooled.clone());
        assert_eq!(read(&mut reader, 5).await, [1, 2, 3, 4, 5]);
        // The next sync is that of the folder too, as a segment goes, and can't find it.
        fs::rename(&directory, parent.path().join("elsewhere")).unwrap();
        reader.acknowledge(6);
        let number = storer.store().await;
        assert_eq!(storer.queue.settlement().standing(number), Standing::Lost);
        while storer.queue.unsettled() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(read(&mut reader, 1).await, [6]);
        storer.queue.close();
        storer.task.await.unwrap();
    });
}

#[test]
fn a_segment_that_can_not_be_read_is_passed_over_and_counted_and_nothing_is_read_twice() {
    let directory = tempfile::tempdir().unwrap();
    runtime(2).block_on(async {
        let storer = storer(directory.path(), Sync::Never).await;
        for _ in 0..9 {
            storer.store().await;
        }
        let second = directory.path().join("00000000000000000005.spool");
        fs::remove_file(&second).unwrap();
        // Nothing is mapped at its beginning: reading there is an error of input.
        symlink("/proc/self/mem", &second).unwrap();
        let mut reader = Reader::new(storer.spooled.clone());
        assert_eq!(read(&mut reader, 5).await, [1, 2, 3, 4, 9]);
        assert_eq!(reader.batch.lost(), 4);
        reader.rewind();
        assert_eq!(read(&mut reader, 5).await, [1, 2, 3, 4, 9]);
        assert_eq!(reader.batch.lost(), 0, "counted once");
        reader.acknowledge(10);
        assert_eq!(storer.spooled.lock().records(), 0);
    });
}

#[test]
fn a_place_that_can_not_be_read_is_tried_as_long_however_often_waiting_for_it_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    runtime(2).block_on(async {
        let storer = storer(directory.path(), Sync::Never).await;
        for _ in 0..5 {
            storer.store().await;
        }
        let first = directory.path().join("00000000000000000001.spool");
        fs::remove_file(&first).unwrap();
        // Nothing is mapped at its beginning: reading there is an error of input.
        symlink("/proc/self/mem", &first).unwrap();
        let mut reader = Reader::new(storer.spooled.clone());
        let begun = Instant::now();
        // As what comes in from a target does.
        while timeout(Duration::from_millis(1), reader.ready()).await.is_err() {
            assert!(begun.elapsed() < DEADLINE, "it is given up");
        }
        assert_eq!(reader.batch.lost(), 4);
        assert!(begun.elapsed() >= RETRY * (READ_TRIES - 1), "{:?}", begun.elapsed());
    });
}

#[test]
fn what_was_stored_is_synced_in_time_while_there_is_no_room_for_more() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("spool");
    runtime(2).block_on(async {
        let storer = storer(&directory, Sync::Never).await;
        storer.store().await;
        let mut storing = Storing {
            spooled: &storer.spooled,
            sync_at: Some(Instant::now()),
            is_failing: false,
        };
        storing.wait().await;
        assert_eq!((storing.sync_at, storing.is_failing), (None, false));
        // It is tried: without its folder, which has a new segment now, it can't be.
        for _ in 0..4 {
            storer.store().await;
        }
        fs::rename(&directory, parent.path().join("elsewhere")).unwrap();
        storing.sync_at = Some(Instant::now());
        storing.wait().await;
        assert_eq!((storing.sync_at, storing.is_failing), (None, true));
        storing.sync_at = Some(Instant::now() + DEADLINE);
        storing.wait().await;
        assert!(storing.sync_at.is_some(), "not before it is time");
    });
}

#[test]
fn what_is_acknowledged_before_it_is_handed_out_again_is_not_handed_out() {
    let directory = tempfile::tempdir().unwrap();
    runtime(2).block_on(async {
        let storer = storer(directory.path(), Sync::Never).await;
        for _ in 0..3 {
            storer.store().await;
        }
        let mut reader = Reader::new(storer.spooled.clone());
        reader
            .spooled
            .lock()
            .read(usize::MAX, usize::MAX, &mut reader.batch)
            .unwrap();
        let mut numbers = Vec::new();
        for _ in 0..3 {
            reader.feed(1, |number, _| {
                numbers.push(number);
                true
            });
            reader.acknowledge(3);
        }
        assert_eq!(numbers, [1, 3]);
    });
}

#[test]
fn a_full_spool_takes_what_is_left_in_a_queue_that_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime(2);
    runtime.block_on(async {
        let storer = storer(directory.path(), Sync::Never).await;
        const STORED: u64 = SPOOL_BYTES_MIN / RECORD_BYTES as u64 - 1;
        for _ in 0..STORED {
            storer.store().await;
        }
        let record = vec![b'x'; RECORD_BYTES];
        for _ in 0..5 {
            storer.queue.append(Patience::Waits, |to| to.extend(&record));
        }
        while storer.queue.unsettled_since().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(storer.queue.unsettled(), 5, "there is no room");
        storer.queue.close();
        timeout(DEADLINE, storer.task).await.expect("it ends").unwrap();
        assert_eq!(storer.queue.unsettled(), 0);
        assert_eq!(storer.spooled.lock().records(), STORED + 5);
    });
}

#[test]
fn whoever_opens_a_spool_that_another_has_waits_for_it_and_for_no_thread() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime(1);
    let has = Files::open(directory.path()).unwrap();
    let lets_go = thread::spawn(move || {
        thread::sleep(LOCK_RETRY * 2);
        drop(has);
    });
    let opened = async { timeout(DEADLINE, storer(directory.path(), Sync::Never)).await };
    assert!(runtime.block_on(opened).is_ok());
    lets_go.join().unwrap();
}
