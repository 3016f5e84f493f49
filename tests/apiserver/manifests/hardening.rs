//! Each hardening fact, of the rendered YAML: the Pod Security Standard `restricted`, and what a security review asks
//! beyond it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rendered::Rendered;

/// Those that run something.
const RUNNING: [&str; 3] = ["default", "namespaced", "strict"];

fn pod(rendered: &Rendered) -> &Value {
    &rendered.only("Deployment")["spec"]["template"]["spec"]
}

fn container(rendered: &Rendered) -> &Value {
    let containers = pod(rendered)["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    &containers[0]
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[tokio::test]
async fn the_pod_may_do_nothing_to_its_node() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let (pod, container) = (pod(&rendered), container(&rendered));
        let expected = json!({
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        });
        assert_eq!(pod["securityContext"], expected, "{target}");
        let expected = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        });
        assert_eq!(container["securityContext"], expected, "{target}");
        for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "hostAliases"] {
            assert_eq!(pod.get(field), None, "{target}");
        }
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(
            volumes.iter().all(|volume| volume.get("projected").is_some()),
            "{volumes:?}"
        );
    }
}

#[tokio::test]
async fn the_pod_takes_no_more_than_it_was_given() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        for bound in ["requests", "limits"] {
            let bounds = container(&rendered)["resources"][bound].as_object().unwrap();
            let bounded: Vec<_> = bounds.keys().collect();
            assert_eq!(bounded, ["cpu", "ephemeral-storage", "memory"], "{target}");
        }
    }
}

/// No token is mounted that is not asked for; the one that is expires within an hour. (With the 3607 seconds of a token that
/// Kubernetes mounts by itself the API server would make it a year: `WarnOnlyBoundTokenExpirationPeriod`.)
#[tokio::test]
async fn the_token_is_for_the_one_container_that_needs_it() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        assert_eq!(rendered.only("ServiceAccount")["automountServiceAccountToken"], false);
        assert_eq!(pod(&rendered)["automountServiceAccountToken"], false);
        let tokens: Vec<&Value> = pod(&rendered)["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|volume| volume["projected"]["sources"].as_array().unwrap())
            .filter_map(|source| source.get("serviceAccountToken"))
            .collect();
        assert_eq!(tokens, [&json!({"path": "token", "expirationSeconds": 3600})]);
    }
}

/// The tag is the version of the workspace, so that two releases never share one.
#[tokio::test]
async fn the_image_is_that_of_this_version() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let image = concat!("localhost/metric-autoscaler:", env!("CARGO_PKG_VERSION"));
        assert_eq!(container(&rendered)["image"], image);
    }
}

#[tokio::test]
async fn there_is_always_somebody_to_take_over() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let deployment = &rendered.only("Deployment")["spec"];
        assert_eq!(deployment["replicas"], 2);
        assert_eq!(
            deployment["strategy"]["rollingUpdate"],
            json!({"maxSurge": 1, "maxUnavailable": 0})
        );
        let labels = &deployment["template"]["metadata"]["labels"];
        let budget = &rendered.only("PodDisruptionBudget")["spec"];
        assert_eq!(
            (&budget["selector"]["matchLabels"], &budget["maxUnavailable"]),
            (labels, &json!(1))
        );
        let spread = pod(&rendered)["topologySpreadConstraints"].as_array().unwrap();
        let over: Vec<_> = spread.iter().map(|constraint| &constraint["topologyKey"]).collect();
        assert_eq!(over, ["kubernetes.io/hostname"]);
        let apart = &pod(&rendered)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
        let term = &apart[0]["podAffinityTerm"];
        assert_eq!(term["topologyKey"], "topology.kubernetes.io/zone");
        assert_eq!(term["labelSelector"]["matchLabels"], *labels);
        assert!(
            spread
                .iter()
                .all(|constraint| constraint["labelSelector"]["matchLabels"] == *labels)
        );
    }
}

/// Where a probe, the Service and the policy look is where the operator listens by default.
#[tokio::test]
async fn the_one_port_is_where_it_is_looked_for() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let container = container(&rendered);
        assert_eq!(container["ports"], json!([{"name": "metrics", "containerPort": 8080}]));
        assert_eq!(
            container["livenessProbe"]["httpGet"],
            json!({"path": "/healthz", "port": "metrics"})
        );
        assert_eq!(
            container["readinessProbe"]["httpGet"],
            json!({"path": "/readyz", "port": "metrics"})
        );
        let service = &rendered.only("Service")["spec"];
        assert_eq!(
            service["ports"],
            json!([{"name": "metrics", "port": 8080, "targetPort": "metrics"}])
        );
        let labels = &rendered.only("Deployment")["spec"]["template"]["metadata"]["labels"];
        assert_eq!(service["selector"], *labels);
    }
}

#[tokio::test]
async fn only_prometheus_is_let_in() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let mut policies = rendered.of_kind("NetworkPolicy").map(|policy| &policy["spec"]);
        let policy = policies
            .find(|policy| policy["policyTypes"] == json!(["Ingress"]))
            .unwrap();
        let labels = &rendered.only("Deployment")["spec"]["template"]["metadata"]["labels"];
        assert_eq!(policy["podSelector"]["matchLabels"], *labels);
        let monitoring = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}});
        let expected = json!([{"from": [monitoring], "ports": [{"protocol": "TCP", "port": "metrics"}]}]);
        assert_eq!(policy["ingress"], expected);
    }
}

/// The API server has no selector: until its address is said, as the guide shows, its ports are open everywhere.
#[tokio::test]
async fn strictly_nothing_is_reached_but_dns_prometheus_members_and_ports_of_api_servers() {
    let rendered = Rendered::of("strict").await;
    let policies: Vec<&Value> = rendered
        .of_kind("NetworkPolicy")
        .map(|policy| &policy["spec"])
        .filter(|policy| policy["policyTypes"] == json!(["Egress"]))
        .collect();
    let labels = &rendered.only("Deployment")["spec"]["template"]["metadata"]["labels"];
    let rules = policies.iter().flat_map(|policy| {
        assert_eq!(policy["podSelector"]["matchLabels"], *labels);
        policy["egress"].as_array().unwrap()
    });
    let reached = rules.map(|rule| {
        assert!(
            rule["to"].is_null() || rule["to"].as_array().unwrap().len() == 1,
            "{rule}"
        );
        let namespaces = rule["to"][0]["namespaceSelector"]["matchLabels"].clone();
        let ports = rule["ports"].as_array().unwrap().iter();
        json!([namespaces, ports.map(|port| port["port"].clone()).collect::<Vec<_>>()])
    });
    let expected = json!([
        [{"kubernetes.io/metadata.name": "kube-system"}, [53, 53]],
        [null, [443, 6443]],
        [{"kubernetes.io/metadata.name": "monitoring"}, [9090]],
        [{"metricautoscaler.dev/members": "true"}, [8888, 2379, 15680]],
    ]);
    assert_eq!(json!(reached.collect::<Vec<_>>()), expected);
}

/// Each at the port at which its profile asks.
#[tokio::test]
async fn the_members_of_every_shipped_profile_are_reached() {
    let strict = Rendered::of("strict").await;
    let mut policies = strict.of_kind("NetworkPolicy");
    let named = |policy: &&Value| policy["metadata"]["name"] == "metric-autoscaler-egress-members";
    let ports = &policies.find(named).unwrap()["spec"]["egress"][0]["ports"];
    let ports: BTreeSet<u64> = ports
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|port| port["port"].as_u64())
        .collect();
    let profiles = Rendered::of("profiles").await;
    let asked = profiles
        .of_kind("MembershipProfile")
        .filter_map(|profile| profile["spec"]["member"]["port"].as_u64());
    assert_eq!(asked.collect::<BTreeSet<_>>(), ports);
}

/// All that the operator may do beyond reading, and no more; nothing by a wildcard, and nothing of Secrets.
#[tokio::test]
async fn the_operator_may_write_sizes_status_events_and_its_lease_only() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let for_people = |role: &&Value| {
            let name = role["metadata"]["name"].as_str().unwrap();
            ["view", "edit", "installer"]
                .iter()
                .any(|who| name == format!("metric-autoscaler-{who}"))
        };
        let roles = rendered
            .of_kind("ClusterRole")
            .filter(|role| !for_people(role))
            .chain(rendered.of_kind("Role"));
        let given: Vec<&Value> = roles.filter_map(|role| role["rules"].as_array()).flatten().collect();
        let mut writes = BTreeSet::new();
        for rule in given {
            assert!(!rule.to_string().contains('*'), "{rule}");
            let (resources, verbs) = (texts(&rule["resources"]), texts(&rule["verbs"]));
            assert!(
                !resources.contains(&"secrets") && !resources.contains(&"pods/exec"),
                "{rule}"
            );
            for verb in verbs.iter().filter(|verb| !["get", "list", "watch"].contains(verb)) {
                writes.extend(resources.iter().map(|resource| format!("{verb} {resource}")));
            }
        }
        let of_profiles = (target != "namespaced").then_some("patch membershipprofiles/status");
        let expected = [
            "create events",
            "create leases",
            "patch deployments/scale",
            // Its finalizer, by a role that is bound only where there are members (M13).
            "patch metricautoscalers",
            "patch metricautoscalers/status",
            "patch replicasets/scale",
            "patch statefulsets/scale",
            "update leases",
        ];
        let expected: BTreeSet<_> = expected.into_iter().chain(of_profiles).map(str::to_owned).collect();
        assert_eq!(writes, expected, "{target}");
    }
}

/// A readiness gate of ours would be set in the status of pods: while nobody runs the operator no pod would be Ready.
#[tokio::test]
async fn m17_no_pod_waits_for_the_operator_to_be_ready() {
    for target in RUNNING {
        let rendered = Rendered::of(target).await;
        let roles = rendered.of_kind("ClusterRole").chain(rendered.of_kind("Role"));
        for rule in roles.filter_map(|role| role["rules"].as_array()).flatten() {
            let (resources, verbs) = (texts(&rule["resources"]), texts(&rule["verbs"]));
            let is_of_pods = resources
                .iter()
                .any(|resource| resource.split('/').next() == Some("pods"));
            let reads = verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb));
            assert!(!is_of_pods || reads, "{target}: {rule}");
        }
    }
}

/// Who applies it needs no right to the cluster, and nothing of it is left elsewhere.
#[tokio::test]
async fn the_namespaced_target_has_nothing_outside_of_its_namespace() {
    let rendered = Rendered::of("namespaced").await;
    for object in rendered.all() {
        assert_eq!(object["metadata"]["namespace"], "default", "{}", object["kind"]);
        assert!(!object["kind"].as_str().unwrap().starts_with("Cluster"));
    }
    for binding in rendered.of_kind("RoleBinding") {
        assert_eq!(binding["subjects"][0]["namespace"], "default");
    }
    let environment = container(&rendered)["env"].as_array().unwrap();
    let watched = environment
        .iter()
        .find(|variable| variable["name"] == "WATCH_NAMESPACE")
        .unwrap();
    assert_eq!(watched["valueFrom"]["fieldRef"]["fieldPath"], "metadata.namespace");
}

/// An object of a kind whose definition comes with it is refused by the first `kubectl apply`, which does not wait.
#[tokio::test]
async fn no_custom_resource_comes_with_its_definition() {
    for target in ["crd", "default", "strict"] {
        let rendered = Rendered::of(target).await;
        let mut defined: Vec<&str> = rendered
            .of_kind("CustomResourceDefinition")
            .filter_map(|definition| definition["spec"]["names"]["kind"].as_str())
            .collect();
        defined.sort_unstable();
        assert_eq!(defined, ["MembershipProfile", "MetricAutoscaler"], "{target}");
        for kind in defined {
            assert_eq!(rendered.of_kind(kind).count(), 0, "{target}");
        }
    }
}

#[tokio::test]
async fn the_shipped_profiles_are_a_target_of_their_own() {
    let rendered = Rendered::of("profiles").await;
    let mut names: Vec<&str> = rendered
        .of_kind("MembershipProfile")
        .filter_map(|profile| profile["metadata"]["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["etcd", "rabbitmq", "vernemq"]);
}

#[tokio::test]
async fn the_namespace_admits_restricted_pods_only() {
    let rendered = Rendered::of("default").await;
    let labels = &rendered.only("Namespace")["metadata"]["labels"];
    for mode in ["enforce", "warn", "audit"] {
        assert_eq!(labels[format!("pod-security.kubernetes.io/{mode}")], "restricted");
    }
}

/// Where to write it is one file, whose text is the whole `ConfigMap`.
#[tokio::test]
async fn the_source_is_one_file() {
    let rendered = Rendered::of("default").await;
    let source = rendered.only("ConfigMap");
    assert_eq!(
        source["data"],
        json!({"PROMETHEUS_URL": "http://prometheus.monitoring.svc:9090"})
    );
    let from = &container(&rendered)["envFrom"];
    assert_eq!(*from, json!([{"configMapRef": {"name": source["metadata"]["name"]}}]));
}
