//! Answers: where do children keep their logs and data, and is that gone afterwards?

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A temporary directory that is removed when dropped, or else when this process ends, however it ends; unless the environment
/// variable `TESTKIT_KEEP` is set, for people who want to read the logs afterwards.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _janitor: Option<Janitor>,
}

impl Scratch {
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let directory = TempDir::with_prefix(prefix)?;
        let keep = std::env::var_os("TESTKIT_KEEP").is_some_and(|value| !value.is_empty());
        let janitor = if keep {
            None
        } else {
            Some(Janitor::watch(directory.path())?)
        };
        Ok(Self {
            path: directory.keep(),
            _janitor: janitor,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes a directory when this process has ended: the end of a pipe tells it, as it tells the guards of [`crate::process`].
#[derive(Debug)]
struct Janitor {
    guard: Child,
}

impl Janitor {
    fn watch(directory: &Path) -> io::Result<Self> {
        // Children are being killed at the same moment and may still be writing: hence more than one try.
        let script = r#"read -r _; for _ in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 0.2; done"#;
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", script, "janitor"]).arg(directory).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { guard: guard.spawn()? })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
