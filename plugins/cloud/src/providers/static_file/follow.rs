//! Reads the file, and again whenever it is edited.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ballast_shared::watch::{Debounce, Watcher};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::read;
use crate::inventory::Listing;

/// How often a file is read again where its file system says nothing of changes.
const POLL_PERIOD: Duration = Duration::from_secs(5);

/// Events that wait to be looked at.
const EVENTS_MAX: usize = 1024;

/// Hands on what the file says, at once and whenever it says something else, until `stop`. What is wrong with it comes as the
/// text to show; what it said before goes on to count.
pub async fn follow(file: PathBuf, tell: impl Fn(Result<Listing, String>), stop: CancellationToken) {
    let (events, mut told) = mpsc::channel(EVENTS_MAX);
    // Of more events than there is room for, those that are left out are about a file that has just been edited too: the last
    // ones of its edit are what is waited for.
    let mut watcher: Watcher<()> = Watcher::new(move |event| {
        if let Ok(event) = event {
            drop(events.blocking_send(event));
        }
    });
    let mut debounce: Debounce<(), PathBuf> = Debounce::new();
    let mut poll = interval(POLL_PERIOD);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        let read = reading(&file).await;
        watch(&mut watcher, &read);
        // From here on it is watched; before, it may have been edited.
        let read = reading(&file).await;
        let outcome = read.map(|(listing, _)| listing).map_err(|(said, _)| said);
        if last.as_ref() != Some(&outcome) {
            tell(outcome.clone());
            last = Some(outcome);
        }
        let edited = async {
            loop {
                let due = debounce.next_due_at();
                tokio::select! {
                    Some(event) = told.recv() => {
                        for ((), path, change) in watcher.concerned(&event) {
                            debounce.changed((), path, change, Instant::now());
                        }
                        if watcher.take_lost() {
                            return;
                        }
                    }
                    () = until(due) => if !debounce.take_due(Instant::now()).is_empty() {
                        return;
                    },
                    _ = poll.tick() => if !watcher.has_all_events() {
                        return;
                    },
                }
            }
        };
        tokio::select! {
            () = edited => {}
            () = stop.cancelled() => return,
        }
    }
}

type Read = Result<(Listing, Vec<PathBuf>), (String, Vec<PathBuf>)>;

async fn reading(file: &Path) -> Read {
    let path = file.to_owned();
    match spawn_blocking(move || read(&path)).await {
        Ok(read) => read,
        Err(panic) => Err((format!("{}: {panic}", file.display()), vec![file.to_owned()])),
    }
}

fn watch(watcher: &mut Watcher<()>, read: &Read) {
    let (Ok((_, files)) | Err((_, files))) = read;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    watcher.watch(&(), &files, &[]);
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ballast_shared::plugin::host::{Host, WireHost};

    use super::*;

    /// Long enough for any machine: a test that waits for it has failed.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn listing(ids: &[&str]) -> Listing {
        Listing::new(ids.iter().map(|id| {
            Host::try_from(WireHost {
                id: (*id).to_owned(),
                ..WireHost::default()
            })
            .unwrap()
        }))
    }

    #[tokio::test]
    async fn an_edit_is_told_and_a_bad_one_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("inventory.toml");
        let put = |text: &str| {
            fs::write(dir.path().join("new"), text).unwrap();
            fs::rename(dir.path().join("new"), &file).unwrap();
        };
        put("[host.a]\n");
        let (tell, mut told) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let tell = move |outcome| tell.send(outcome).unwrap();
        let task = tokio::spawn(follow(file.clone(), tell, stop.clone()));
        let mut next = async || tokio::time::timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
        assert_eq!(next().await, Ok(listing(&["a"])));
        put("[host.a]\n[host.b]\n");
        assert_eq!(next().await, Ok(listing(&["a", "b"])));
        put("[host.a\n");
        assert!(next().await.unwrap_err().contains("inventory.toml:1:"));
        put("[host.b]\n");
        assert_eq!(next().await, Ok(listing(&["b"])));
        fs::remove_file(&file).unwrap();
        assert!(next().await.unwrap_err().contains("No such file"));
        fs::write(&file, "[host.c]\n").unwrap();
        assert_eq!(next().await, Ok(listing(&["c"])));
        stop.cancel();
        task.await.unwrap();
    }
}
