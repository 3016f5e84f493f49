//! Answers: what was the matter? Everything that a person would ask for after a failure, as files.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::Cluster;

/// What `kubectl cluster-info dump` leaves out.
const ALSO: &str = "metricautoscalers,leases,configmaps,poddisruptionbudgets,endpointslices";

/// What daemons fill with other things than logs.
const PASSED_OVER: [&str; 3] = ["aside", "containerd", "kubelet"];

/// Objects and events of every namespace, as the API server tells them.
pub(super) async fn keep_objects(cluster: &Cluster, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let target = format!("--output-directory={}", directory.display());
    let dump = ["cluster-info", "dump", "--all-namespaces", "--output=yaml", &target];
    cluster.plane.kubectl(&dump).await?;
    let also = ["get", ALSO, "--all-namespaces", "--output=yaml"];
    fs::write(directory.join("more.yaml"), cluster.plane.kubectl(&also).await?.stdout)?;
    let describe = ["describe", "metricautoscalers,nodes,pods", "--all-namespaces"];
    fs::write(
        directory.join("described.txt"),
        cluster.plane.kubectl(&describe).await?.stdout,
    )
}

/// The logs of all programs and of all containers, which lie below the temporary directory of whoever runs alone
/// ([`crate::isolation`]).
pub(super) fn keep_logs(directory: &Path) -> io::Result<()> {
    copy_logs(&env::temp_dir(), directory)
}

fn copy_logs(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && !PASSED_OVER.iter().any(|passed_over| name == OsStr::new(passed_over)) {
            copy_logs(&path, &to.join(name))?;
        } else if path.extension() == Some(OsStr::new("log")) && path.is_file() {
            fs::create_dir_all(to)?;
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
