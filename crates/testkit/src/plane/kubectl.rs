//! Answers: what would a person see who types this? The real kubectl, as the admin.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{ControlPlane, PlaneError};

/// What a command line program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl ControlPlane {
    /// Runs kubectl as the admin.
    pub async fn kubectl(&self, arguments: &[&str]) -> io::Result<Output> {
        self.kubectl_with_input(arguments, "").await
    }

    /// Runs kubectl as the admin, with `input` as its standard input.
    ///
    /// `kubectl apply` looks whether an object is there before it creates it. Where another test has created it in between,
    /// it is done once more.
    pub async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> io::Result<Output> {
        let output = self.run_kubectl(arguments, input).await?;
        let collided = arguments.first() == Some(&"apply") && output.stderr.contains("(AlreadyExists)");
        if collided {
            return self.run_kubectl(arguments, input).await;
        }
        Ok(output)
    }

    async fn run_kubectl(&self, arguments: &[&str], input: &str) -> io::Result<Output> {
        let mut command = Command::new(&self.kubectl);
        command.args(arguments).kill_on_drop(true);
        // Its discovery cache would otherwise be in the home directory, and shared with real clusters.
        command
            .env("KUBECONFIG", self.kubeconfig_path())
            .env("KUBECACHEDIR", self.scratch.path().join("kubectl-cache"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let written = async {
            // A kubectl that does not read its input closes it: not an error.
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
        };
        let (output, ()) = futures::join!(child.wait_with_output(), written);
        let output = output?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Output {
            success: output.status.success(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// `kubectl apply` of some YAML; what it says when it is refused.
    pub async fn apply(&self, yaml: &str) -> Result<String, PlaneError> {
        self.applied("-", yaml).await
    }

    /// `kubectl apply` of a file, or of a directory's files.
    pub async fn apply_file(&self, path: &Path) -> Result<String, PlaneError> {
        self.applied(&path.display().to_string(), "").await
    }

    async fn applied(&self, source: &str, input: &str) -> Result<String, PlaneError> {
        let arguments = ["apply", "-f", source];
        let output = self.kubectl_with_input(&arguments, input).await?;
        if output.success {
            return Ok(output.stdout);
        }
        Err(PlaneError::Kubectl {
            arguments: arguments.join(" "),
            stderr: output.stderr.trim().to_owned(),
        })
    }
}
