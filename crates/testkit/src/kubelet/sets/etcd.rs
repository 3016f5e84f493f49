//! Members of a real etcd cluster: `examples/etcd`, with its own start script.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::example::{Example, environment};
use super::{SetOptions, set};

/// A machine that builds at the same time is slow; the disk's safety is not what is tested.
const SETTINGS: &str = "heartbeat-interval: 300\nelection-timeout: 3000\nunsafe-no-fsync: true\nlog-level: warn\n";

/// The set of the example, with its API recorded on port 2379. `directory` is for what its pods would have mounted, `program`
/// is `etcd`. What the example does in an init container is done here just before etcd, in the same process.
pub fn etcd(options: &SetOptions<'_>, directory: &Path, program: &Path) -> io::Result<Value> {
    let example = Example::read("etcd")?;
    example.lay_out(directory)?;
    let file = |name: &str| directory.join(name).display().to_string();
    fs::write(file("etcd.yaml"), fs::read_to_string(file("etcd.yaml"))? + SETTINGS)?;
    let join = example.container("initContainers", "join");
    let mut container = example.container("containers", "etcd");
    let config = "$(VOLUME_CONFIG)/etcd.yaml";
    let service = format!("{}.$(POD_NAMESPACE).svc.cluster.local", options.name);
    let others = [
        ("SERVICE", service.as_str()),
        // Its peers know a member by its URL.
        ("PEER_URL", "http://$(POD_IP):2380"),
        ("CLIENT_URL", "http://$(POD_IP):2379"),
        ("LISTEN_PEER_URL", "http://$(POD_IP):2380"),
        ("LISTEN_CLIENT_URL", "http://$(POD_IP):$(PORT_2379)"),
        ("DATA", "$(VOLUME_DATA)/data"),
        ("SETTINGS", &file("etcd.yaml")),
        ("CONFIG", config),
    ];
    container["env"] = environment(&join, directory, &others);
    container["command"] = json!([
        "/bin/sh",
        file("join.sh"),
        program.display().to_string(),
        format!("--config-file={config}")
    ]);
    container["readinessProbe"]["periodSeconds"] = json!(1);
    let annotations = json!({
        "testkit.metricautoscaler.dev/record": "2379",
        "testkit.metricautoscaler.dev/stable-address": "true",
    });
    let mut set = set(options, &container, &annotations);
    set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "config", "emptyDir": {}}]);
    Ok(set)
}
