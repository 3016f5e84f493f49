//! Answers: does the machine already have a program that is new enough?

use std::env;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Program;

/// As much of a version as decides here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// In the directory that `setup-envtest` of controller-runtime fills.
pub(super) fn in_assets(program: Program) -> Option<PathBuf> {
    let directory = env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty())?;
    usable(program, &Path::new(&directory).join(program.name()))
}

pub(super) fn on_path(program: Program) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|directory| usable(program, &directory.join(program.name())))
}

fn usable(program: Program, path: &Path) -> Option<PathBuf> {
    let metadata = path.metadata().ok()?;
    let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    let new_enough = || version_of(program, path).is_some_and(|version| version >= program.minimum());
    (executable && new_enough()).then(|| path.to_owned())
}

fn version_of(program: Program, path: &Path) -> Option<Version> {
    let arguments: &[&str] = match program {
        Program::Kubectl => &["version", "--client"],
        Program::Etcd
        | Program::KubeApiserver
        | Program::KubeControllerManager
        | Program::KubeScheduler
        | Program::Kwok
        | Program::Prometheus
        | Program::Promtool
        | Program::Kubelet
        | Program::KubeProxy
        | Program::Registry => &["--version"],
        Program::Coredns => &["-version"],
    };
    let output = Command::new(path).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    parse_version(&text).or_else(|| parse_version(&errors))
}

/// The first `1.2` of a text, wherever it stands: `v1.36.3`, `etcd Version: 3.6.8`, `prometheus, version 3.13.5 (…`.
fn parse_version(text: &str) -> Option<Version> {
    let words = text.split(|character: char| !character.is_ascii_digit() && character != '.');
    words.filter_map(|word| word.split_once('.')).find_map(|(major, rest)| {
        let minor = rest.split('.').next()?;
        Some(Version {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_each_program_prints() {
        let read = |text| parse_version(text).map(|version| (version.major, version.minor));
        assert_eq!(read("Kubernetes v1.36.3\n"), Some((1, 36)));
        assert_eq!(
            read("etcd Version: 3.6.8\nGit SHA: Not provided\nGo Version: go1.26.8\n"),
            Some((3, 6))
        );
        assert_eq!(
            read("prometheus, version 3.13.5 (branch: , revision: unknown)\n  go version: go1.26.8"),
            Some((3, 13))
        );
        assert_eq!(
            read("Client Version: v1.31.0\nKustomize Version: v5.4.2"),
            Some((1, 31))
        );
        assert_eq!(read("kwok version v0.8.0 go1.26.8 (linux/amd64)"), Some((0, 8)));
        assert_eq!(read("devel"), None);
    }

    #[test]
    fn a_newer_minor_version_is_enough_and_an_older_major_version_is_not() {
        let minimum = Program::Prometheus.minimum();
        assert!(Version { major: 3, minor: 13 } >= minimum);
        assert!(Version { major: 2, minor: 42 } < minimum);
    }
}
