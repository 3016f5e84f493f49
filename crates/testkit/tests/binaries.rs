//! Programs are found where people have them, built once where they have not, and asked for in one line when nothing helps.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use autoscaler_testkit::binaries::Program;
use tempfile::TempDir;

/// A machine with nothing but these two directories.
struct Machine {
    path: TempDir,
    cache: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            path: TempDir::new().unwrap(),
            cache: TempDir::new().unwrap(),
        }
    }

    /// A compiler that notes each call and "builds" at once.
    fn with_go(self) -> Self {
        let calls = self.cache.path().join("calls");
        let script = r#"while [ "$1" != -o ]; do shift; done; echo binary >"$2"; echo "$3" >>"#;
        program(&self.path, "go", &format!("{script}{}", calls.display()));
        self
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.cache.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_testkit"));
        command
            .arg("binaries")
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .env("PATH", self.path.path())
            .env("METRICAUTOSCALER_CACHE", self.cache.path());
        command
    }
}

fn program(directory: &TempDir, name: &str, script: &str) {
    let path = directory.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

/// Where `etcd` was found: it is the first line.
fn etcd(output: &Output) -> String {
    lines(&output.stdout).first().cloned().unwrap_or_default()
}

fn named(name: &str, directory: &Path) -> String {
    format!("{name} {}", directory.join(name).display())
}

#[test]
fn without_go_one_line_says_what_is_missing_and_how_to_get_it() {
    let output = Machine::new().command().output().unwrap();
    let expected = "Error: etcd 3.5 or newer is missing: install Go >= 1.26 and it is built once, or put it on the PATH, \
                    or set KUBEBUILDER_ASSETS to a directory that has it";
    assert_eq!(lines(&output.stderr), [expected]);
    assert!(!output.status.success());
}

#[test]
fn a_program_in_the_assets_comes_before_one_on_the_path_and_an_old_one_is_passed_over() {
    let (machine, assets) = (Machine::new(), TempDir::new().unwrap());
    program(&machine.path, "etcd", "echo etcd Version: 3.6.8");
    assert_eq!(
        etcd(&machine.command().output().unwrap()),
        named("etcd", machine.path.path())
    );
    program(&assets, "etcd", "echo etcd Version: 3.5.21");
    let mut command = machine.command();
    command.env("KUBEBUILDER_ASSETS", assets.path());
    assert_eq!(etcd(&command.output().unwrap()), named("etcd", assets.path()));
    program(&assets, "etcd", "echo etcd Version: 3.4.23");
    assert_eq!(etcd(&command.output().unwrap()), named("etcd", machine.path.path()));
}

#[test]
fn processes_that_start_at_once_build_each_program_once_and_later_ones_none() {
    let machine = Machine::new().with_go();
    let children = [(); 3].map(|()| machine.command().spawn().unwrap());
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?}", lines(&output.stderr));
        assert_eq!(lines(&output.stdout).len(), Program::PLANE.len());
    }
    let calls = machine.calls();
    assert_eq!(calls.len(), Program::PLANE.len(), "{calls:?}");
    assert!(calls.contains(&"k8s.io/kubernetes/cmd/kube-apiserver".to_owned()));

    let again = machine.command().output().unwrap();
    assert!(again.status.success());
    assert_eq!(lines(&again.stderr), Vec::<String>::new());
    assert_eq!(machine.calls().len(), Program::PLANE.len());
}

#[test]
fn a_build_that_fails_is_reported_with_the_compilers_words_and_leaves_nothing_behind() {
    let machine = Machine::new();
    program(
        &machine.path,
        "go",
        "echo go: downloading x v1 >&2; echo package y is not in std >&2; exit 1",
    );
    let output = machine.command().output().unwrap();
    let said = lines(&output.stderr);
    assert_eq!(
        said[0],
        "building etcd v3.6.8 from Go modules (first time only, about a minute) ..."
    );
    assert_eq!(
        said[1],
        "Error: failed to build etcd from Go modules (exit status: 1): package y is not in std"
    );
    program(&machine.path, "etcd", "echo etcd Version: 3.6.8");
    assert_eq!(
        etcd(&machine.command().output().unwrap()),
        named("etcd", machine.path.path())
    );
}
