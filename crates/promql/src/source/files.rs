//! Files that may be replaced under us: read small, and told apart from what they were.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Larger than any bundle of authorities; a file beyond it is a mistake (or `/dev/zero`).
const LARGEST_FILE: u64 = 4 << 20;

/// What tells one content of a file from the next without reading it. Kubernetes swaps a symbolic link above
/// projected files, which shows here as another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file, or nothing while it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Reads a file whole. It blocks, for what a few kilobytes from a memory-backed volume take.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut content)?;
    if u64::try_from(read).is_ok_and(|read| read <= LARGEST_FILE) {
        Ok(content)
    } else {
        Err(io::Error::from(io::ErrorKind::FileTooLarge))
    }
}
