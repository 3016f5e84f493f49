//! `StatefulSets` for [`super::Kubelet`]: VerneMQ's double as its chart installs it, real etcd, and real RabbitMQ.

mod etcd;
mod example;
mod rabbitmq;

use std::path::Path;

use serde_json::{Value, json};

pub use etcd::etcd;
pub use rabbitmq::{Secrets, rabbitmq};

/// What the sets differ in.
#[derive(Debug, Clone)]
pub struct SetOptions<'a> {
    /// The set's name, and its Service's.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The kubelet's node.
    pub node: &'a str,
    /// How many.
    pub replicas: u32,
    /// `persistentVolumeClaimRetentionPolicy.whenScaled`.
    pub when_scaled: &'a str,
    /// `podManagementPolicy`.
    pub management: &'a str,
    /// `spec.ordinals.start`.
    pub start: u32,
    /// Further flags of the program; of one name the last counts only where the program says so.
    pub flags: Vec<String>,
    /// With VerneMQ, `initialDelaySeconds` of the readiness probe: 90 in the chart, and the time in which a node that has left
    /// and started again is not served to clients. Whoever starts first is not kept waiting.
    pub ready_after: u32,
    /// With VerneMQ, a preStop hook that leaves the cluster, as people add it to the chart.
    pub leaves_in_pre_stop: bool,
}

impl<'a> SetOptions<'a> {
    /// As most charts have it: `OrderedReady`, claims kept.
    pub fn new(name: &'a str, namespace: &'a str, node: &'a str, replicas: u32) -> Self {
        Self {
            name,
            namespace,
            node,
            replicas,
            when_scaled: "Retain",
            management: "OrderedReady",
            start: 0,
            flags: Vec::new(),
            ready_after: 0,
            leaves_in_pre_stop: false,
        }
    }

    /// The name of a pod's host.
    pub fn host(&self, ordinal: u32) -> String {
        let Self { name, namespace, .. } = self;
        format!("{name}-{ordinal}.{name}.{namespace}.svc.cluster.local")
    }
}

/// Nodes of the double, with their API recorded on port 8888. `program` is `vernemq-double`. Times are a twentieth of VerneMQ's.
pub fn vernemq(options: &SetOptions<'_>, program: &Path) -> Value {
    let SetOptions { name, namespace, .. } = options;
    let node = format!("VerneMQ@$(POD_NAME).{name}.{namespace}.svc.cluster.local");
    let mut command = vec![
        program.display().to_string(),
        "node".to_owned(),
        "--discover".to_owned(),
        format!("--name={node}"),
        "--data-directory=$(VOLUME_DATA)".to_owned(),
        "--api-port=$(PORT_8888)".to_owned(),
        "--time-scale=0.05".to_owned(),
    ];
    if !options.flags.iter().any(|flag| flag.starts_with("--auth-mode")) {
        command.push("--auth-mode=noauth".to_owned());
    }
    command.extend(options.flags.iter().cloned());
    let mut container = json!({
        "name": "vernemq",
        "image": "none",
        "command": command,
        "ports": [{"name": "http", "containerPort": 8888}],
        // The chart's own, at our pace: it says nothing of membership.
        "readinessProbe": {
            "httpGet": {"path": "/health/ping", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1,
            "initialDelaySeconds": options.ready_after,
        },
        "volumeMounts": [{"name": "data", "mountPath": "/vernemq/data"}],
    });
    if options.leaves_in_pre_stop {
        let leave = [
            program.display().to_string().as_str(),
            "admin",
            "--node=$(POD_IP):44053",
            "--",
            "cluster",
            "leave",
            &format!("node={node}"),
            "-k",
            "-i",
            "1",
            "-t",
            "30",
        ]
        .map(str::to_owned);
        container["lifecycle"] = json!({"preStop": {"exec": {"command": leave}}});
    }
    set(
        options,
        &container,
        &json!({
            "testkit.metricautoscaler.dev/record": "8888",
            "testkit.metricautoscaler.dev/first-probed-at-once": "true",
        }),
    )
}

fn set(options: &SetOptions<'_>, container: &Value, annotations: &Value) -> Value {
    let SetOptions {
        name,
        namespace,
        node,
        replicas,
        when_scaled,
        management,
        start,
        ..
    } = options;
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": management,
            "ordinals": {"start": start},
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": when_scaled, "whenDeleted": "Retain"},
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations},
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "tolerations": [{"key": super::TAINT, "operator": "Exists"}],
                    "terminationGracePeriodSeconds": 20,
                    "containers": [container],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}
