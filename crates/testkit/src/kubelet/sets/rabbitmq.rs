//! Nodes of a real RabbitMQ cluster: `examples/rabbitmq`, with its own start script, settings and sidecar.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::example::{Example, environment};
use super::{SetOptions, set};
use crate::rabbitmq::Rabbitmq;

const POD: &str = include_str!("../../../tools/rabbitmq/pod.sh");

/// What the pods of the example find in Secrets.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    /// Of Erlang.
    pub cookie: &'a str,
    /// What the sidecar wants to see in the header `authorization`.
    pub credential: &'a str,
}

/// The set of the example, with the API of its sidecars recorded on port 15680. `directory` is for what its pods would have
/// mounted. Its two containers are one process here, which is called as the first of them is.
pub fn rabbitmq(
    options: &SetOptions<'_>,
    directory: &Path,
    rabbitmq: &Rabbitmq,
    secrets: Secrets<'_>,
) -> io::Result<Value> {
    let example = Example::read("rabbitmq")?;
    example.lay_out(directory)?;
    let file = |name: &str| directory.join(name).display().to_string();
    fs::write(file("pod.sh"), POD)?;
    fs::write(file("credential"), secrets.credential)?;
    let mut container = example.container("containers", "rabbitmq");
    let sidecar = example.container("containers", "sidecar");
    container["command"] = command(&sidecar, &file("pod.sh"));
    container["env"] = variables(options, &container, directory, rabbitmq, secrets);
    container["ports"] = json!([{"name": "sidecar", "containerPort": 15680}]);
    container["readinessProbe"] = sidecar["readinessProbe"].clone();
    container["readinessProbe"]["periodSeconds"] = json!(1);
    container["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}, {"name": "run", "mountPath": "/run"}]);
    let annotations = json!({
        "testkit.metricautoscaler.dev/record": "15680",
        "testkit.metricautoscaler.dev/stable-address": "true",
    });
    let mut set = set(options, &container, &annotations);
    set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "run", "emptyDir": {}}]);
    Ok(set)
}

/// Of the sidecar, between the start script and the program that it runs.
fn command(sidecar: &Value, pod: &str) -> Value {
    let words: Vec<&str> = sidecar["command"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let [shell, _start, erl @ .., _program] = words.as_slice() else {
        panic!("the example's sidecar is started by a script: {words:?}");
    };
    json!([&[*shell, pod], erl].concat())
}

fn variables(
    options: &SetOptions<'_>,
    container: &Value,
    directory: &Path,
    rabbitmq: &Rabbitmq,
    secrets: Secrets<'_>,
) -> Value {
    let service = format!("{}.$(POD_NAMESPACE).svc.cluster.local", options.name);
    let file = |name: &str| directory.join(name).display().to_string();
    let others = [
        ("SERVICE", service.as_str()),
        ("COOKIE", secrets.cookie),
        ("HOME", "$(VOLUME_RUN)"),
        ("SETTINGS", "$(VOLUME_RUN)/settings"),
        ("RABBITMQ_CONFIG_FILE", "$(VOLUME_RUN)/rabbitmq.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", &file("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", "$(VOLUME_DATA)/mnesia"),
    ];
    let mut variables = environment(container, directory, &others);
    let find_nodes = format!(
        "-pa {} -epmd_module pod_epmd -start_epmd false",
        rabbitmq.modules().display()
    );
    let more = [
        ("PATH", rabbitmq.path()),
        ("ERL_AFLAGS", find_nodes),
        ("FILES", directory.display().to_string()),
        ("CREDENTIAL", file("credential")),
        ("LISTEN_ADDRESS", "$(POD_IP)".to_owned()),
        ("PORT", "$(PORT_15680)".to_owned()),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_LOG_BASE", "$(VOLUME_RUN)/log".to_owned()),
    ];
    let list = variables.as_array_mut().expect("variables are a list");
    list.extend(more.map(|(name, value)| json!({"name": name, "value": value})));
    variables
}
