//! Answers: how does a test set up a node (processes, mounts, network devices, packet filters, cgroups) on somebody's machine,
//! and leave nothing of it behind, however it ends?
//!
//! By namespaces: a command runs as in a container that shares the machine's files. When it has ended the kernel kills what is
//! left of its processes, and takes the mounts and the network with them. What the kernel does not take, cgroups and
//! temporary files, a janitor removes, who waits for the end of this process as the guards of [`crate::process`] do.
//!
//! May not be used to keep anything from a hostile command.

use std::env;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::geteuid;
use tempfile::TempDir;

/// Names the cgroup that a command may fill, and so tells the command that it runs alone.
const CGROUP: &str = "TESTKIT_CGROUP";

/// What runs first in the namespaces, as the process whose end ends all others.
///
/// * `/run` is the command's own; what it writes below the other three is kept aside, so that daemons with fixed paths leave
///   nothing there.
/// * Mounts are shared among the processes inside, which a kubelet expects.
/// * The command is in the background, for a shell that waits takes signals and buries orphans.
const FIRST: &str = r#"
set -e
scratch=$1; shift
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
for directory in /var/lib /var/log /opt; do
    aside=$scratch/aside$directory
    mkdir -p "$aside/upper" "$aside/work"
    mount -t overlay -o "lowerdir=$directory,upperdir=$aside/upper,workdir=$aside/work" overlay "$directory"
done
ip link set lo up
trap 'exit 130' INT TERM HUP
"$@" <&0 &
wait $!
"#;

/// The last line of standard input never comes; its end does, when the process at its other end has ended.
const JANITOR: &str = r#"
read -r _
name=$1; scratch=$2; keep=$3
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=$(find /sys/fs/cgroup/"$name" /sys/fs/cgroup/*/"$name" -depth -type d 2>/dev/null || true)
    [ -z "$left" ] && break
    echo "$left" | xargs rmdir 2>/dev/null
    sleep 0.2
done
[ -n "$keep" ] || rm -rf -- "$scratch"
"#;

/// Why a command cannot run alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolationError {
    /// Namespaces, mounts and devices need root.
    #[error("failed to set up a node: that needs root (sudo), for namespaces, mounts and cgroups")]
    NotRoot,
    /// The command runs on the bare machine.
    #[error("failed to set up a node on the bare machine: run `make test-cluster`, or `testkit isolated <command>`")]
    NotIsolated,
    /// A directory, a cgroup or a process could not be made.
    #[error("failed to isolate a command: {what}")]
    Setup {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Runs a command alone, and returns how it ended when nothing of it is left.
pub fn run(command: &[String]) -> Result<ExitCode, IsolationError> {
    if !geteuid().is_root() {
        return Err(IsolationError::NotRoot);
    }
    let failed = |what| move |source| IsolationError::Setup { what, source };
    let scratch = TempDir::with_prefix("testkit-node-").map_err(failed("a temporary directory"))?;
    let name = scratch
        .path()
        .file_name()
        .expect("it was given a name")
        .to_string_lossy()
        .into_owned();
    let mut janitor = Janitor::watch(&name, scratch.path()).map_err(failed("start its janitor"))?;
    let scratch = scratch.keep();
    create_cgroups(&name).map_err(failed("create its cgroups"))?;

    // Killed with this process, and with it whatever runs first inside.
    let mut unshare = Command::new("setpriv");
    unshare
        .args(["--pdeathsig", "KILL", "--", "unshare"])
        .args([
            "--mount",
            "--net",
            "--pid",
            "--ipc",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ])
        .args(["/bin/sh", "-c", FIRST, "isolated"])
        .arg(&scratch)
        .args(command)
        .env(CGROUP, &name)
        .env("TMPDIR", &scratch)
        // The directories inside stay until the end: a failure may want their logs.
        .env("TESTKIT_KEEP", "1");
    let status = unshare
        .status()
        .map_err(failed("run setpriv and unshare (of util-linux)"))?;
    janitor.wait();
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// The cgroup that a command which runs alone may fill, below the root of every hierarchy.
pub fn cgroup() -> Result<String, IsolationError> {
    env::var(CGROUP).map_err(|_| IsolationError::NotIsolated)
}

/// Where cgroups of this name are: one directory, or one for each controller of cgroup v1.
pub fn cgroup_directories(name: &str) -> io::Result<Vec<PathBuf>> {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        return Ok(vec![root.join(name)]);
    }
    let mut directories = Vec::new();
    for hierarchy in fs::read_dir(root)? {
        let hierarchy = hierarchy?.path();
        // cpu and cpuacct may be links to one hierarchy of both.
        if hierarchy.join("cgroup.procs").exists() && !hierarchy.is_symlink() {
            directories.push(hierarchy.join(name));
        }
    }
    Ok(directories)
}

fn create_cgroups(name: &str) -> io::Result<()> {
    for directory in cgroup_directories(name)? {
        fs::create_dir(&directory)?;
        inherit_cpuset(&directory)?;
    }
    Ok(())
}

/// A new cgroup of v1's cpuset has no processors and no memory, and none below it may have any (cgroup-v1/cpusets).
pub(crate) fn inherit_cpuset(directory: &Path) -> io::Result<()> {
    let parent = directory.parent().expect("a cgroup has a parent");
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = directory.join(file);
        let is_v1 = !directory.join("cgroup.controllers").exists();
        if is_v1 && own.exists() {
            fs::write(own, fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

/// Removes what the kernel leaves.
struct Janitor {
    guard: Child,
}

impl Janitor {
    fn watch(name: &str, scratch: &Path) -> io::Result<Self> {
        let keep = env::var("TESTKIT_KEEP").unwrap_or_default();
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", JANITOR, "janitor", name]).arg(scratch).arg(keep);
        // A group of its own: Ctrl-C is not for the janitor.
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Ok(Self { guard: guard.spawn()? })
    }

    /// Tells it that all has ended, and waits for it.
    fn wait(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.wait();
    }
}
