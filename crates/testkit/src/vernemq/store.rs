//! Answers: what does a node still know after its process has ended? What is in its data directory.
//!
//! `cluster_state` is a file of its own, as in VerneMQ (`vmq_swc_peer_service_manager.erl:158-231`): a leave deletes that
//! one and leaves the rest, and so makes a lone node of whoever starts there next.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::state::{Metadata, Queue};
use super::versioned::Members;

/// A data directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

/// What of a node outlives it, besides its queues.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) has_history: bool,
    pub(super) metadata: Metadata,
}

impl Store {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory.join("queues"))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(super) fn members(&self) -> io::Result<Option<Members>> {
        read(&self.directory.join("cluster_state"))
    }

    pub(super) fn keep_members(&self, members: &Members) -> io::Result<()> {
        self.write("cluster_state", members)
    }

    pub(super) fn forget_members(&self) -> io::Result<()> {
        fs::remove_file(self.directory.join("cluster_state")).or_else(absent_is_fine)
    }

    pub(super) fn kept(&self) -> io::Result<Kept> {
        Ok(read(&self.directory.join("metadata"))?.unwrap_or_default())
    }

    pub(super) fn keep(&self, kept: &Kept) -> io::Result<()> {
        self.write("metadata", kept)
    }

    pub(super) fn queues(&self) -> io::Result<BTreeMap<String, Queue>> {
        let mut queues = BTreeMap::new();
        for entry in fs::read_dir(self.directory.join("queues"))? {
            let path = entry?.path();
            // A name that begins with a dot is half written.
            let client = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if let Some(client) = client.filter(|client| !client.starts_with('.')) {
                queues.extend(read(&path)?.map(|queue| (client, queue)));
            }
        }
        Ok(queues)
    }

    /// The queue of a client as it is now, or that there is none any more.
    pub(super) fn keep_queue(&self, client: &str, queue: Option<&Queue>) -> io::Result<()> {
        match queue {
            Some(queue) if !queue.is_clean => self.write(&format!("queues/{client}"), queue),
            Some(_) | None => fs::remove_file(self.directory.join("queues").join(client)).or_else(absent_is_fine),
        }
    }

    /// Whole or not at all, however this process ends.
    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let path = self.directory.join(name);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let half = path.with_file_name(format!(".{file_name}"));
        fs::write(&half, serde_json::to_vec(value)?)?;
        fs::rename(half, path)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}
