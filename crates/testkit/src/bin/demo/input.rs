//! Answers: has whoever started us gone away, as the end of standard input tells?
//!
//! On a terminal that is Ctrl-D. A pipe is held by somebody (ssh, a script), and ends with them. But /dev/null, a file, or a
//! pipe that was closed from the start has nobody behind it and says nothing: then only signals end the demo.

use std::io::{self, IsTerminal, Read};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use tokio::sync::oneshot;

/// An input that ends so soon never had anybody behind it.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Standard input.
#[derive(Debug)]
pub(crate) enum Input {
    /// Only read when somebody is asked to end it.
    Terminal,
    /// Read from the start.
    Held(oneshot::Receiver<()>),
}

impl Input {
    pub(crate) fn listen() -> Self {
        if io::stdin().is_terminal() {
            return Self::Terminal;
        }
        let started = Instant::now();
        Self::Held(read_to_end(move || started.elapsed() > AT_ONCE))
    }

    /// Returns when it has ended; for ever without anybody behind it.
    pub(crate) async fn end(self) {
        let ended = match self {
            // In the background a read would stop this process (SIGTTIN).
            Self::Terminal if tcgetpgrp(io::stdin()) == Ok(getpgrp()) => read_to_end(|| true),
            Self::Terminal => return std::future::pending().await,
            Self::Held(ended) => ended,
        };
        if ended.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// On a thread that nobody waits for: a read of standard input cannot be abandoned. Its end is told if `counts` says so then.
fn read_to_end(counts: impl FnOnce() -> bool + Send + 'static) -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let mut ignored = [0; 1024];
        while io::stdin().lock().read(&mut ignored).is_ok_and(|length| length > 0) {}
        if counts() {
            let _ = ended.send(());
        }
    });
    end
}
