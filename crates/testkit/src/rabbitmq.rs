//! Answers: where is RabbitMQ, with the Erlang it runs in? Debian's packages, unpacked into the cache; nothing is installed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::{BinaryError, cache_directory};

/// The server, and of Erlang what it needs. Their libraries are on every machine with apt.
const PACKAGES: [&str; 18] = [
    "erlang-asn1",
    "erlang-base",
    "erlang-crypto",
    "erlang-eldap",
    "erlang-ftp",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-snmp",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tftp",
    "erlang-tools",
    "erlang-xmerl",
    "rabbitmq-server",
];

/// Finds nodes that run beside each other.
const EPMD: &str = include_str!("../tools/rabbitmq/pod_epmd.erl");

/// Why there is no RabbitMQ.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RabbitmqError {
    /// There is no place for it.
    #[error(transparent)]
    Cache(#[from] BinaryError),
    /// A file could not be written.
    #[error("failed to unpack RabbitMQ")]
    File(#[from] io::Error),
    /// A program is missing, or failed.
    #[error(
        "failed to get RabbitMQ from Debian's packages by {program}: {said} (it needs Debian or Ubuntu, a package mirror that can \
         be reached, and its lists: apt-get update)"
    )]
    Program {
        /// Which.
        program: &'static str,
        /// The end of what it said.
        said: String,
    },
}

/// A RabbitMQ that was unpacked.
#[derive(Debug, Clone)]
pub struct Rabbitmq {
    root: PathBuf,
}

impl Rabbitmq {
    /// From the cache, or downloaded into it. Blocks.
    pub fn locate() -> Result<Self, RabbitmqError> {
        let folder = cache_directory()?.join("tools/rabbitmq-debian-1");
        fs::create_dir_all(&folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".lock"))?;
        File::lock(&lock)?;
        let rabbitmq = Self {
            root: folder.join("root"),
        };
        if !folder.join(".whole").exists() {
            rabbitmq.unpack(&folder)?;
            fs::write(folder.join(".whole"), "")?;
        }
        Ok(rabbitmq)
    }

    /// What a node needs to be found in the `PATH`, with what is there already behind it.
    pub fn path(&self) -> String {
        let of_server = self.one_in("usr/lib/rabbitmq/lib").join("sbin");
        let behind = std::env::var("PATH").unwrap_or_default();
        format!(
            "{}:{}:{behind}",
            self.erlang().join("bin").display(),
            of_server.display()
        )
    }

    /// Where the module `pod_epmd` is.
    pub fn modules(&self) -> PathBuf {
        self.root.join("modules")
    }

    fn erlang(&self) -> PathBuf {
        self.root.join("usr/lib/erlang")
    }

    fn unpack(&self, folder: &Path) -> Result<(), RabbitmqError> {
        let packages = folder.join("packages");
        // What an interrupted attempt left.
        let _ = fs::remove_dir_all(&packages);
        let _ = fs::remove_dir_all(&self.root);
        fs::create_dir_all(&packages)?;
        run(
            "apt-get",
            Command::new("apt-get")
                .arg("download")
                .args(PACKAGES)
                .current_dir(&packages),
        )?;
        for package in fs::read_dir(&packages)? {
            run(
                "dpkg",
                Command::new("dpkg").arg("-x").arg(package?.path()).arg(&self.root),
            )?;
        }
        fs::remove_dir_all(&packages)?;
        self.move_erlang()?;
        fs::create_dir_all(self.modules())?;
        fs::write(self.modules().join("pod_epmd.erl"), EPMD)?;
        let mut compile = Command::new(self.erlang().join("bin/erl"));
        compile.args(["-noinput", "-eval", "{ok, _} = compile:file(\"pod_epmd\"), halt()."]);
        run("erl", compile.current_dir(self.modules()))
    }

    /// Its start scripts say where it was meant to be.
    fn move_erlang(&self) -> io::Result<()> {
        let emulator = self.one_in("usr/lib/erlang/erts-*");
        for directory in [self.erlang(), emulator] {
            let path = directory.join("bin/erl");
            let script = fs::read_to_string(&path)?;
            let root = format!("ROOTDIR={}\n", self.erlang().display());
            fs::write(&path, script.replace("ROOTDIR=/usr/lib/erlang\n", &root))?;
        }
        Ok(())
    }

    /// The one entry of a directory; with `-*` at the end, the one that begins so.
    fn one_in(&self, directory: &str) -> PathBuf {
        let (directory, start) = match directory.strip_suffix("-*") {
            Some(pattern) => pattern.rsplit_once('/').unwrap_or((pattern, "")),
            None => (directory, ""),
        };
        let entries = fs::read_dir(self.root.join(directory)).into_iter().flatten().flatten();
        let mut fitting = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        fitting
            .next()
            .map_or_else(|| self.root.join(directory), |entry| entry.path())
    }
}

fn run(program: &'static str, command: &mut Command) -> Result<(), RabbitmqError> {
    let failed = |said: String| RabbitmqError::Program { program, said };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.lines().last().unwrap_or_default().to_owned()))
}
