//! Answers: is this server up, and how does a test stop, freeze or restart it?
//!
//! A component keeps its arguments, ports and files through any number of restarts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::RequestBuilder;

use crate::http::answer;
use crate::process::{Process, ProcessError, ProcessSpec, Signal};

/// From the start of a program to its first good answer. Generous, for machines that build at the same time.
const READY: Duration = Duration::from_secs(90);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(15);

/// How a component shows that it serves.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) request: RequestBuilder,
    /// Must be in the answer: proof that not a stranger on the same port is talking.
    pub(crate) contains: String,
}

impl Probe {
    async fn check(&self) -> Result<(), String> {
        let request = self.request.try_clone().expect("the body of a probe is in memory");
        let body = answer(request).await?;
        if body.contains(&self.contains) {
            Ok(())
        } else {
            Err("somebody else answers on its port".to_owned())
        }
    }
}

/// One server: a program of the control plane, or Prometheus.
#[derive(Debug)]
pub struct Component {
    spec: ProcessSpec,
    probe: Probe,
    process: Mutex<Arc<Process>>,
}

impl Component {
    /// Starts the program without waiting for it.
    pub(crate) fn spawn(spec: ProcessSpec, probe: Probe) -> Result<Self, ProcessError> {
        let process = Mutex::new(Arc::new(Process::spawn(&spec)?));
        Ok(Self { spec, probe, process })
    }

    /// Waits until it serves.
    pub async fn wait_ready(&self) -> Result<(), ProcessError> {
        self.process().wait_ready(READY, || self.probe.check()).await
    }

    /// The process id of the present (or last) run.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Its output, of all runs.
    pub fn log_path(&self) -> PathBuf {
        Path::to_owned(self.process().log_path())
    }

    /// Whether it has not ended; true also while it is paused.
    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// Sends it a signal; [`Component::pause`] for SIGSTOP.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        self.process().signal(signal)
    }

    /// SIGSTOP, and returns when it is silent: alive, with open connections.
    pub fn pause(&self) -> Result<(), ProcessError> {
        self.process().pause()
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<(), ProcessError> {
        self.process().resume()
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// SIGTERM, and SIGKILL if that takes too long.
    pub async fn stop(&self) {
        self.process().terminate(GRACE).await;
    }

    /// Starts it again after [`Component::stop`] or [`Component::kill`], and waits until it serves.
    pub async fn start(&self) -> Result<(), ProcessError> {
        self.kill();
        let process = Arc::new(Process::spawn(&self.spec)?);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
        self.wait_ready().await
    }

    /// Stop, then start.
    pub async fn restart(&self) -> Result<(), ProcessError> {
        self.stop().await;
        self.start().await
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
