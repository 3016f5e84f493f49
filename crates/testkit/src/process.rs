//! Answers: is this child alive, where is its log, and will it be gone when we are?
//!
//! Every child runs under a guard, a few lines of `sh` that hold one end of a pipe whose other end only this process has. When
//! this process ends, however it ends (return, panic, SIGKILL, a static that is never dropped), the kernel closes the pipe and
//! the guard kills its whole process group. Nothing here may depend on a destructor being run.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::wait::within;

/// Lines of the log that an error quotes.
const TAIL: usize = 12;

/// For every thread to stop: long enough for a machine with many more threads than processors.
const STOPPING: Duration = Duration::from_secs(5);

/// `sh` gives background jobs /dev/null as standard input, hence descriptor 3. The guard leads a process group of its own, so
/// `kill 0` reaches the child, what the child started, and the guard; and Ctrl-C in a terminal reaches none of them.
const GUARD: &str = r#"
exec 3<&0 </dev/null
log=$1; shift
"$@" >>"$log" 2>&1 3<&- &
child=$!
echo "$child"
exec >/dev/null 2>&1
{ read -r _ <&3; kill -KILL 0; } &
watcher=$!
exec 3<&-
wait "$child"
status=$?
kill "$watcher"
exit "$status"
"#;

/// What went wrong with a child process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The guard or its log could not be created.
    #[error("failed to start {name}")]
    Start {
        /// The program's name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended although it should have stayed.
    #[error("{name} ended early ({status}); its last lines in {}:\n{tail}", log.display())]
    Ended {
        /// The program's name.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Where its output is.
        log: PathBuf,
        /// The end of the output.
        tail: String,
    },
    /// It lives but was not ready in time.
    #[error("{name} was not ready within {deadline:?} ({last}); its last lines in {}:\n{tail}", log.display())]
    NotReady {
        /// The program's name.
        name: String,
        /// How long it was given.
        deadline: Duration,
        /// What the last probe saw.
        last: String,
        /// Where its output is.
        log: PathBuf,
        /// The end of the output.
        tail: String,
    },
    /// A signal could not be sent.
    #[error("failed to send {signal:?} to {name}")]
    Signal {
        /// The program's name.
        name: String,
        /// Which signal.
        signal: Signal,
        /// Why: `ESRCH` when the process has ended.
        #[source]
        source: io::Error,
    },
}

impl ProcessError {
    /// Whether the child says that somebody else has its port: then another port is worth a try.
    pub fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { tail, .. } if tail.contains("address already in use"))
    }
}

/// What to run, and where its output goes.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    name: String,
    program: PathBuf,
    log: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, Option<String>)>,
}

impl ProcessSpec {
    /// `name` is for people; standard output and standard error are appended to `log`.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            log: log.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the child's environment; the rest is inherited.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), Some(value.into())));
        self
    }

    /// Takes a variable out of the child's environment.
    #[must_use]
    pub fn without_env(mut self, name: impl Into<String>) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    fn guard(&self) -> Command {
        let mut guard = Command::new("/bin/sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(&self.log)
            .arg(&self.program)
            .args(&self.arguments);
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        for (name, value) in &self.environment {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        guard
    }
}

/// A running (or ended) child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    pid: Pid,
    guard: Mutex<Child>,
}

impl Process {
    /// Starts the child. That it could be started does not say that it serves: see [`Process::wait_ready`].
    pub fn spawn(spec: &ProcessSpec) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start {
            name: spec.name.clone(),
            source,
        };
        let mut guard = spec.guard().spawn().map_err(failed)?;
        let pid = child_pid(&mut guard).map_err(failed)?;
        Ok(Self {
            name: spec.name.clone(),
            log: spec.log.clone(),
            pid,
            guard: Mutex::new(guard),
        })
    }

    /// The program's name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The child's own process id (not its guard's).
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The file that holds its output.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The last `lines` lines of its output.
    pub fn log_tail(&self, lines: usize) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// How it ended, or `None` while it runs. A child killed by signal n shows as exit code 128 + n, as in a shell.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.guard().try_wait().ok().flatten()
    }

    /// Whether it has not ended. A stopped (SIGSTOP) process runs in this sense.
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// Sends a signal to the child. See [`Process::pause`] for SIGSTOP.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        // The guard is held while sending: as long as it is not reaped, the child's number belongs to nobody else.
        let mut guard = self.guard();
        let ended = guard.try_wait().ok().flatten().is_some();
        let sent = if ended {
            Err(rustix::io::Errno::SRCH)
        } else {
            kill_process(self.pid, signal)
        };
        sent.map_err(|errno| ProcessError::Signal {
            name: self.name.clone(),
            signal,
            source: errno.into(),
        })
    }

    /// SIGSTOP, and returns when it is silent: one of its threads has to be scheduled to take the signal, and until then the
    /// others go on answering (signal(7): group stop).
    pub fn pause(&self) -> Result<(), ProcessError> {
        self.signal(Signal::STOP)?;
        let end = Instant::now() + STOPPING;
        while !is_stopped(self.pid) && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<(), ProcessError> {
        self.signal(Signal::CONT)
    }

    /// SIGKILL to the child and everything it started, and waits until they are gone.
    pub fn kill(&self) {
        let mut guard = self.guard();
        if guard.try_wait().ok().flatten().is_none() {
            let group = Pid::from_child(&guard);
            // It may have ended meanwhile: then there is nothing to kill.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = guard.wait();
        }
    }

    /// SIGTERM, and SIGKILL when it is still there after `grace`. Returns how it ended by itself, if it did.
    pub async fn terminate(&self, grace: Duration) -> Option<ExitStatus> {
        // An error says that it has ended already, which is what was wanted.
        let _ = self.signal(Signal::TERM);
        let ended = self.wait_exit(grace).await;
        self.kill();
        ended
    }

    /// Waits for its end.
    pub async fn wait_exit(&self, deadline: Duration) -> Option<ExitStatus> {
        within(deadline, || async { self.exit_status() }).await.ok()
    }

    /// Polls `probe` until it succeeds, giving up at once when the child ends.
    pub async fn wait_ready<F, Fut>(&self, deadline: Duration, mut probe: F) -> Result<(), ProcessError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(), String>>,
    {
        let outcome = within(deadline, || {
            let attempt = probe();
            async move {
                // Asked first and last: a probe may have been answered by a stranger on the same port.
                if let Some(ended) = self.ended() {
                    return Ok(Err(ended));
                }
                attempt.await.map(|()| self.ended().map_or(Ok(()), Err))
            }
        });
        outcome.await.unwrap_or_else(|last| {
            Err(ProcessError::NotReady {
                name: self.name.clone(),
                deadline,
                last,
                log: self.log.clone(),
                tail: self.log_tail(TAIL),
            })
        })
    }

    fn ended(&self) -> Option<ProcessError> {
        let status = self.exit_status()?;
        let (name, log) = (self.name.clone(), self.log.clone());
        Some(ProcessError::Ended {
            name,
            status,
            log,
            tail: self.log_tail(TAIL),
        })
    }

    fn guard(&self) -> MutexGuard<'_, Child> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All threads have state T in /proc. Where there is no /proc, nobody can tell.
fn is_stopped(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    let mut states = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    // The state follows the name, which is in parentheses and may hold anything.
    states.all(|stat| {
        let state = stat.rsplit_once(')').map_or("", |(_, rest)| rest.trim_start());
        state.starts_with(['T', 't'])
    })
}

fn child_pid(guard: &mut Child) -> io::Result<Pid> {
    let stdout = guard.stdout.take().expect("the guard's standard output is piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let number = line.trim().parse().ok().and_then(Pid::from_raw);
    number.ok_or_else(|| io::Error::other("its guard did not say which process it started"))
}

#[cfg(test)]
mod tests;
