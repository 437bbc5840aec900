//! The thread of the inputs whose senders are programs of this machine, and what these inputs have in common.
//!
//! A network input may wait: for a full file, for the budget, for a file system that does not answer, with all of its thread.
//! A program that logs in a user may not. So the local inputs have a thread of their own, on which nothing waits: their lines go
//! into buffers that the flusher writes, and what there is no room for is dropped and counted (see
//! [`Patience`](crate::output::Patience)).

use tokio::runtime::{self, Handle, Runtime};

/// The thread, from the first local input on.
#[derive(Default)]
pub(super) struct LocalThread {
    runtime: Option<Runtime>,
}

impl LocalThread {
    /// What runs on it.
    ///
    /// # Panics
    /// When the system has no thread for it.
    pub(super) fn runtime(&mut self) -> &Handle {
        let start = || {
            runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("local")
                .enable_all()
                .build()
                .expect("the system has another thread")
        };
        self.runtime.get_or_insert_with(start).handle()
    }
}

impl Drop for LocalThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Its tasks have ended, or are not waited for any more.
            runtime.shutdown_background();
        }
    }
}
