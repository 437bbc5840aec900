//! Workers that come and go with reloads.

use std::fs;
use std::net::TcpListener;

use tokio::runtime::{Builder, Runtime};

use super::forward::{ForwardSettings, SpoolSettings};
use super::*;
use crate::output::file::{StoreLimits, Sync};
use crate::output::queue::Queued;
use crate::output::{Patience, Standing, WhenFull};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// For ever, as far as these tests are concerned.
const LONG: Duration = Duration::from_secs(3600);

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

/// An output that forwards to a target that never answers.
fn output(listener: &TcpListener, spool: Option<&Path>) -> Arc<QueuedOutput> {
    let store = Store::new(StoreLimits {
        buffer_bytes_max: 1 << 20,
        open_files_max: 1,
    });
    let target = format!("relp://{}", listener.local_addr().unwrap());
    let settings = ForwardSettings {
        targets: [target.parse().unwrap()].into(),
        framing: None,
        tls: None,
        spool: spool.map(|directory| SpoolSettings {
            directory: directory.to_owned(),
            bytes_max: logd_core::spool::SPOOL_BYTES_MIN,
            when_full: logd_core::spool::WhenFull::Block,
            sync: Sync::Never,
        }),
        connect_timeout: LONG,
        timeout: LONG,
        resume_interval: LONG,
    };
    let settings = QueuedSettings {
        limits: QueueLimits {
            bytes_max: 1 << 20,
            when_full: WhenFull::Block,
        },
        kind: QueuedKind::Forward(Box::new(settings)),
    };
    Arc::new(QueuedOutput::new("siem", settings, Arc::new(store)))
}

fn hanging() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn append(output: &QueuedOutput) -> u64 {
    match output.queue.append(Patience::Waits, |record| record.push(b'x')) {
        Queued::Waiting(number) => number,
        Queued::Dropped => panic!("there is room"),
    }
}

/// Waits until something has become of a record.
async fn standing(queue: &Queue, number: u64) -> Standing {
    let waiting = queue.settlement().wait(number, || true);
    timeout(DEADLINE, waiting).await.expect("something becomes of it");
    queue.settlement().standing(number)
}

#[test]
fn a_worker_whose_output_is_gone_ends_in_time_and_what_it_had_is_lost() {
    let target = hanging();
    runtime().block_on(async {
        let supervisor = Supervisor::new();
        let mut workers = Workers::new(&supervisor);
        let (gone, stays) = (output(&target, None), output(&target, None));
        workers.apply([&gone, &stays].into_iter(), LONG);
        let numbers = [append(&gone), append(&stays)];
        assert_eq!(workers.leaving().count(), 0);
        workers.apply([&stays].into_iter(), LONG);
        let leaving: Vec<_> = workers.leaving().map(|leaving| leaving.queue.unsettled()).collect();
        assert_eq!(leaving, [1], "it has time");
        assert_eq!(gone.queue.settlement().standing(numbers[0]), Standing::Pending);
        // Another reload gives it no more.
        workers.apply([&stays].into_iter(), Duration::from_millis(1));
        assert!(workers.leaving().next().unwrap().until > std::time::Instant::now() + LONG / 2);

        let (brief, queue) = (output(&target, None), |output: &QueuedOutput| output.queue.clone());
        workers.apply([&stays, &brief].into_iter(), LONG);
        let number = append(&brief);
        let left = queue(&brief);
        drop(brief);
        workers.apply([&stays].into_iter(), Duration::from_millis(1));
        assert_eq!(standing(&left, number).await, Standing::Lost);
        while workers.leaving().count() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(left.held_bytes(), 0);
        assert_eq!(left.unsettled(), 0, "it was counted before the end");
        assert_eq!(stays.queue.settlement().standing(numbers[1]), Standing::Pending);
        workers.drain(Duration::ZERO).await;
        assert_eq!(workers.unsettled(), 2, "of the two that had time");
    });
}

#[test]
fn workers_of_one_spool_have_it_in_the_order_of_their_configurations() {
    let (target, directory) = (hanging(), tempfile::tempdir().unwrap());
    runtime().block_on(async {
        let supervisor = Supervisor::new();
        let mut workers = Workers::new(&supervisor);
        let mut last = None;
        for _ in 0..20 {
            let next = output(&target, Some(directory.path()));
            workers.apply([&next].into_iter(), LONG);
            let number = append(&next);
            // The one before closes its queue, and has put what was in it into the spool.
            if let Some((queue, number)) = last.replace((next.queue.clone(), number)) {
                let queue: Arc<Queue> = queue;
                queue.close();
                assert_eq!(standing(&queue, number).await, Standing::Settled);
            }
        }
        workers.drain(DEADLINE).await;
        assert_eq!(workers.unsettled(), 0);
    });
}

#[test]
fn records_for_a_spool_that_can_not_be_opened_are_lost_and_not_taken_for_stored() {
    let (target, directory) = (hanging(), tempfile::tempdir().unwrap());
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    runtime().block_on(async {
        let supervisor = Supervisor::new();
        let mut workers = Workers::new(&supervisor);
        let output = output(&target, Some(&file.join("siem")));
        workers.apply([&output].into_iter(), LONG);
        let number = append(&output);
        output.queue.close();
        assert_eq!(standing(&output.queue, number).await, Standing::Lost);
        assert_eq!(workers.unsettled(), 1, "the end of the daemon says so");
    });
}

#[test]
fn a_worker_that_panics_is_told_of() {
    runtime().block_on(async {
        let mut supervisor = Supervisor::new();
        let workers = Workers::new(&supervisor);
        workers.panics.send(Box::new("on purpose")).unwrap();
        assert_eq!(supervisor.failed().await, "output");
    });
}
