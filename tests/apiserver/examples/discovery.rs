//! What Prometheus' service discovery finds in the plane. The Prometheus of the tests is built without it, so its rules
//! are retold here: each target with the `__meta_kubernetes_…` labels that relabelling reads.
//!
//! Source: `discovery/kubernetes/{pod,endpointslice,node}.go` of Prometheus 3.

use autoscaler_testkit::plane::ControlPlane;
use autoscaler_testkit::wait::eventually;
use serde_json::{Map, Value, json};

use crate::world::DEADLINE;

/// What a kubelet listens on. The node that does not exist names no port.
const KUBELET_PORT: u64 = 10250;

/// The objects that discovery looks at.
#[derive(Debug)]
pub(super) struct Discovery {
    pods: Vec<Value>,
    services: Vec<Value>,
    slices: Vec<Value>,
    nodes: Vec<Value>,
}

/// The labels of one target, `__address__` among them.
type Target = Map<String, Value>;

impl Discovery {
    /// Of these namespaces, once the pods of their Services are among the endpoints.
    pub(super) async fn of(plane: &ControlPlane, namespaces: &[&str]) -> Self {
        eventually("the endpoints of every Service", DEADLINE, || async {
            let discovery = Self::read(plane, namespaces).await;
            discovery.is_complete().then_some(discovery)
        })
        .await
    }

    async fn read(plane: &ControlPlane, namespaces: &[&str]) -> Self {
        let (mut pods, mut services, mut slices) = (Vec::new(), Vec::new(), Vec::new());
        for namespace in namespaces {
            pods.extend(list(plane, &["pods", "--namespace", namespace]).await);
            services.extend(list(plane, &["services", "--namespace", namespace]).await);
            slices.extend(list(plane, &["endpointslices", "--namespace", namespace]).await);
        }
        let nodes = list(plane, &["nodes"]).await;
        Self {
            pods,
            services,
            slices,
            nodes,
        }
    }

    fn is_complete(&self) -> bool {
        self.services.iter().all(|service| {
            let Some(selector) = service["spec"]["selector"].as_object() else {
                return true;
            };
            let namespace = &service["metadata"]["namespace"];
            let selected = self.pods.iter().filter(|pod| {
                let labels = &pod["metadata"]["labels"];
                pod["metadata"]["namespace"] == *namespace
                    && selector.iter().all(|(name, value)| labels[name] == *value)
            });
            let slices = self.slices.iter().filter(|slice| belongs(slice, service));
            let endpoints: usize = slices.map(|slice| items(&slice["endpoints"]).len()).sum();
            selected.count() == endpoints
        })
    }

    /// The targets of one role, as `static_configs`.
    pub(super) fn static_configs(&self, role: &str) -> Value {
        let targets: Vec<Target> = match role {
            "pod" => self.pods.iter().flat_map(of_pod).collect(),
            "endpointslice" => self.slices.iter().flat_map(|slice| self.of_slice(slice)).collect(),
            "node" => self.nodes.iter().map(of_node).collect(),
            other => panic!("no role {other} in the examples"),
        };
        let configs = targets.into_iter().map(|mut labels| {
            let address = labels.remove("__address__").unwrap();
            json!({"targets": [address], "labels": labels})
        });
        configs.collect()
    }

    fn of_slice(&self, slice: &Value) -> Vec<Target> {
        let mut common = Target::new();
        set(&mut common, "namespace", &slice["metadata"]["namespace"]);
        if let Some(service) = self.services.iter().find(|service| belongs(slice, service)) {
            set(&mut common, "service_name", &service["metadata"]["name"]);
            set_metadata(&mut common, "service", service);
        }
        let mut targets = Vec::new();
        for endpoint in items(&slice["endpoints"]) {
            for port in items(&slice["ports"]) {
                targets.push(self.of_endpoint(common.clone(), endpoint, port));
            }
            let seen: Vec<&Value> = items(&slice["ports"]).iter().map(|port| &port["port"]).collect();
            targets.extend(self.other_ports(&common, endpoint, &seen));
        }
        targets
    }

    fn of_endpoint(&self, mut target: Target, endpoint: &Value, port: &Value) -> Target {
        let address = endpoint["addresses"][0].as_str().unwrap();
        target.insert("__address__".to_owned(), json!(format!("{address}:{}", port["port"])));
        set(&mut target, "endpointslice_port_name", &port["name"]);
        set(
            &mut target,
            "endpointslice_endpoint_conditions_ready",
            &endpoint["conditions"]["ready"],
        );
        set(
            &mut target,
            "endpointslice_address_target_kind",
            &endpoint["targetRef"]["kind"],
        );
        set(
            &mut target,
            "endpointslice_address_target_name",
            &endpoint["targetRef"]["name"],
        );
        if let Some(pod) = self.pod_of(endpoint) {
            set_pod(&mut target, pod);
            let container = container_ports(pod).find(|(_, own)| own["containerPort"] == port["port"]);
            if let Some((container, own)) = container {
                set_container(&mut target, container, own);
            }
        }
        target
    }

    /// The ports of a pod that its Service does not name are targets of that Service too.
    fn other_ports(&self, common: &Target, endpoint: &Value, seen: &[&Value]) -> Vec<Target> {
        let Some(pod) = self.pod_of(endpoint) else {
            return Vec::new();
        };
        let unseen = container_ports(pod).filter(|(_, port)| !seen.contains(&&port["containerPort"]));
        let targets = unseen.map(|(container, port)| {
            let mut target = common.clone();
            set_pod(&mut target, pod);
            set_container(&mut target, container, port);
            target
        });
        targets.collect()
    }

    fn pod_of(&self, endpoint: &Value) -> Option<&Value> {
        let target = &endpoint["targetRef"];
        let same = |pod: &&Value| {
            pod["metadata"]["name"] == target["name"] && pod["metadata"]["namespace"] == target["namespace"]
        };
        (target["kind"] == "Pod").then(|| self.pods.iter().find(same)).flatten()
    }
}

fn belongs(slice: &Value, service: &Value) -> bool {
    slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
        && slice["metadata"]["namespace"] == service["metadata"]["namespace"]
}

fn of_pod(pod: &Value) -> Vec<Target> {
    let mut common = Target::new();
    set(&mut common, "namespace", &pod["metadata"]["namespace"]);
    set_pod(&mut common, pod);
    let Some(ip) = pod["status"]["podIP"].as_str() else {
        return Vec::new();
    };
    let mut targets = Vec::new();
    for container in items(&pod["spec"]["containers"]) {
        let ports = items(&container["ports"]);
        if ports.is_empty() {
            let mut target = common.clone();
            target.insert("__address__".to_owned(), json!(ip));
            set(&mut target, "pod_container_name", &container["name"]);
            targets.push(target);
        }
        for port in ports {
            let mut target = common.clone();
            set_container(&mut target, container, port);
            targets.push(target);
        }
    }
    targets
}

fn of_node(node: &Value) -> Target {
    let mut target = Target::new();
    let internal = items(&node["status"]["addresses"])
        .iter()
        .find(|address| address["type"] == "InternalIP");
    let address = internal.unwrap()["address"].as_str().unwrap();
    let port = match &node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] {
        port if *port == 0 => &json!(KUBELET_PORT),
        port => port,
    };
    target.insert("__address__".to_owned(), json!(format!("{address}:{port}")));
    target.insert("instance".to_owned(), node["metadata"]["name"].clone());
    set(&mut target, "node_name", &node["metadata"]["name"]);
    set_metadata(&mut target, "node", node);
    target
}

fn set_pod(target: &mut Target, pod: &Value) {
    set(target, "pod_name", &pod["metadata"]["name"]);
    set(target, "pod_ip", &pod["status"]["podIP"]);
    set(target, "pod_phase", &pod["status"]["phase"]);
    set(target, "pod_node_name", &pod["spec"]["nodeName"]);
    set_metadata(target, "pod", pod);
    // A target of its own begins with the pod's address; one of a Service has it already.
    let ip = pod["status"]["podIP"].clone();
    target.entry("__address__").or_insert(ip);
}

fn set_container(target: &mut Target, container: &Value, port: &Value) {
    let ip = target["__meta_kubernetes_pod_ip"].as_str().unwrap().to_owned();
    target.insert(
        "__address__".to_owned(),
        json!(format!("{ip}:{}", port["containerPort"])),
    );
    set(target, "pod_container_name", &container["name"]);
    set(target, "pod_container_port_name", &port["name"]);
    set(target, "pod_container_port_number", &port["containerPort"]);
}

/// Labels and annotations of an object.
fn set_metadata(target: &mut Target, kind: &str, object: &Value) {
    for (field, label) in [("labels", "label"), ("annotations", "annotation")] {
        for (name, value) in object["metadata"][field].as_object().into_iter().flatten() {
            let name = name.replace(|character: char| !character.is_ascii_alphanumeric(), "_");
            set(target, &format!("{kind}_{label}_{name}"), value);
            set(target, &format!("{kind}_{label}present_{name}"), &json!("true"));
        }
    }
}

/// Label values are texts; what is not there gives no label.
fn set(target: &mut Target, label: &str, value: &Value) {
    let text = match value {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    target.insert(format!("__meta_kubernetes_{label}"), json!(text));
}

fn container_ports(pod: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let containers = items(&pod["spec"]["containers"]).iter();
    containers.flat_map(|container| items(&container["ports"]).iter().map(move |port| (container, port)))
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

async fn list(plane: &ControlPlane, what: &[&str]) -> Vec<Value> {
    let arguments = [&["get", "--output", "json"], what].concat();
    let output = plane.kubectl(&arguments).await.unwrap();
    assert!(output.success, "{}", output.stderr);
    let list: Value = serde_json::from_str(&output.stdout).unwrap();
    items(&list["items"]).to_vec()
}
