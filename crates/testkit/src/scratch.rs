//! Answers: where do children keep their logs and data, and is that gone afterwards?

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::Janitor;

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
