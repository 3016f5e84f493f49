//! Whoever follows the guide: a shell in a clone of the repository.
//!
//! The clone is the repository itself with a layer above it, which takes what is written: so it lies where everything is built
//! already, and nothing of the repository changes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use autoscaler_testkit::node::Cluster;
use tokio::process::Command;
use tokio::time::timeout;

use crate::installation::repository;
use crate::page::Content;

/// A block may build something.
const PATIENCE: Duration = Duration::from_mins(15);

/// Lays the layer over the repository for one shell alone (mount namespaces), and runs a block there.
const ENTER: &str = r#"
set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$1"
cd "$1"
exec bash -euo pipefail -c "$3"
"#;

/// What a shell has of whoever started it. All else is of `cargo test`, and would have everything built anew.
const KEPT: [&str; 7] = [
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "CARGO_TARGET_DIR",
];

/// See the module.
pub(crate) struct Reader {
    layer: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Reader {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let layer = cluster.directory().join("clone");
        for part in ["upper", "work"] {
            fs::create_dir_all(layer.join(part)).unwrap();
        }
        let kept = KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let environment = kept.chain(cluster.environment()).collect();
        Self { layer, environment }
    }

    /// Does what each block says, and returns what the last commands printed.
    pub(crate) async fn follow(&self, blocks: &[Content]) -> String {
        let mut said = String::new();
        for block in blocks {
            match block {
                Content::Commands(commands) => said = self.run(commands).await,
                Content::File { name, added, text } => self.write(name, *added, text).await,
            }
        }
        said
    }

    /// Runs commands as they stand; what they printed.
    pub(crate) async fn run(&self, commands: &str) -> String {
        let repository = repository().canonicalize().unwrap();
        let arguments: [&Path; 3] = [&repository, &self.layer, Path::new(commands)];
        let mut shell = Command::new("unshare");
        shell
            .args(["--mount", "sh", "-c", ENTER, "reader"])
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(PATIENCE, shell.output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("it does not end: {commands}"))
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{commands}\n{said}{errors}");
        said
    }

    /// Writes a file of the clone, or adds to it.
    pub(crate) async fn write(&self, name: &str, added: bool, text: &str) {
        let direction = if added { ">>" } else { ">" };
        let written = format!("mkdir -p \"$(dirname {name})\"\ncat {direction}{name} <<'END'\n{text}END\n");
        self.run(&written).await;
    }
}
