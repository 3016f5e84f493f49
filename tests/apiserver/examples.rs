//! The examples are true: every file is accepted by the API server without a warning, Prometheus finds the metrics under
//! the example's own scrape configuration, the query answers with what was exported, and the operator acts on it.

mod discovery;
mod example;
mod exported;
mod pod_network;
mod scraped;
mod service_monitor;

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use autoscaler_promql::PodNames;
use serde_json::{Value, json};

use discovery::Discovery;
pub(crate) use example::service_monitors_are_served;
use example::{Example, Pod, pods, stand_in};
use exported::Exported;
use scraped::{answers, answers_soon, by_configuration, by_service_monitors};

/// What an example promises.
struct Promise<'a> {
    /// Where there are targets: the example's own namespace, and others'.
    namespaces: &'a [&'a str],
    /// The pods that are scaled, of which there are so many at first.
    own: (PodNames, u32),
    /// Queries, with what they answer.
    answers: &'a [(String, f64)],
    /// To which counts the operator then brings a workload.
    sizes: &'a [(&'a str, &'a str, RangeInclusive<u32>)],
    /// The metric that makes the first query rise.
    load: &'a str,
}

/// By either scrape configuration, and with the operator.
async fn holds(mut example: Example, mut exported: Exported, promise: Promise<'_>) {
    let discovery = Discovery::of(example.world.plane, promise.namespaces).await;
    let prometheus = by_configuration(&example, &exported, &discovery).await;
    for (query, expected) in promise.answers {
        answers(&example, &prometheus, query, *expected, &promise.own).await;
    }
    example.reaches(&prometheus, promise.sizes).await;

    let monitored = by_service_monitors(&example, &exported, &discovery).await;
    for (query, expected) in promise.answers {
        answers_soon(&monitored, query, *expected).await;
    }

    let (query, expected) = &promise.answers[0];
    exported.raise(promise.load);
    prometheus.wait_for(query, |value| value > 1.2 * expected).await;
}

#[test]
fn every_example_has_all_its_files_and_a_test() {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let names = |directory: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| name(&entry.unwrap().path())).collect()
    };
    let due = [
        "README.md",
        "autoscaler.yaml",
        "load.yaml",
        "scrape-config.yaml",
        "scrape.yaml",
        "workload.yaml",
    ];
    let tested = [
        "cpu-and-memory",
        "etcd",
        "fake-load",
        "ingress-requests",
        "load-balancer-bytes",
        "rabbitmq",
        "vernemq-publish-rate",
    ];
    for case in tested {
        assert_eq!(
            names(&example::directory().join(case)),
            due.map(str::to_owned).into(),
            "{case}"
        );
    }
    let all = tested.into_iter().chain(["README.md"]).map(str::to_owned).collect();
    assert_eq!(names(&example::directory()), all);
}

#[test]
fn the_numbers_are_those_of_the_write_ups() {
    let numbers = |case: &str| -> Vec<Value> {
        let autoscalers = example::documents(case, "autoscaler.yaml");
        let specs = autoscalers.iter().map(|autoscaler| &autoscaler["spec"]);
        let numbers = specs.map(|spec| {
            let metrics = spec["metrics"].as_array().unwrap();
            let targets: Vec<&Value> = metrics.iter().map(|metric| &metric["target"]).collect();
            json!([
                spec["scaleTargetRef"]["name"],
                spec["minReplicas"],
                spec["maxReplicas"],
                targets
            ])
        });
        numbers.collect()
    };
    let vernemq = json!(["vernemq", 1, 10, [{"averageValue": "60m"}]]);
    assert_eq!(numbers("vernemq-publish-rate"), [vernemq]);
    let metrics_app = json!(["metrics-app", 2, 5, [{"averageValue": 20}]]);
    let nginx = json!(["nginx", 2, 5, [{"value": 20}]]);
    assert_eq!(numbers("fake-load"), [metrics_app, nginx]);
    let nginx = json!(["nginx", 1, 10, [{"value": 1000}]]);
    assert_eq!(numbers("load-balancer-bytes"), [nginx]);
    let nginx = json!(["nginx", 2, 5, [{"value": "700m"}, {"averageValue": "1500k"}]]);
    assert_eq!(numbers("cpu-and-memory"), [nginx]);
}

/// With the names of today, and with those from before VerneMQ 2.0, which have no prefix.
#[tokio::test]
async fn brokers_follow_the_messages_that_are_published_to_them() {
    let example = Example::apply("vernemq-publish-rate").await;
    example.scale("StatefulSet", "vernemq", 2).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    let brokers = pods(&namespace, "app.kubernetes.io/name=vernemq", 2).await;
    for (Pod { name, ip }, per_second) in brokers.iter().zip([0.15, 0.05]) {
        let instance = format!("{ip}:8888");
        let labels = [
            ("job", "vernemq"),
            ("instance", &instance),
            ("namespace", &namespace),
            ("pod", name),
        ];
        let target = exported.target(&format!("http://{instance}/metrics"), &labels);
        let host = format!("VerneMQ@{name}.vernemq-headless.{namespace}.svc.cluster.local");
        let of = |version| [("node", &*host), ("mqtt_version", version)];
        target.counter("vernemq_mqtt_publish_received", &of("4"), per_second);
        target.counter("vernemq_mqtt_publish_received", &of("5"), 7.0);
        target.counter("mqtt_publish_received", &of("4"), 3.0 * per_second);
        target.counter("mqtt_publish_received", &of("5"), 7.0);
    }
    let query = example.query("vernemq", "publish-rate");
    let before_two = query.replace("vernemq_mqtt", "mqtt");
    let promise = Promise {
        namespaces: &[&namespace],
        own: (PodNames::of_stateful_set("vernemq"), 2),
        answers: &[(query, 0.2), (before_two, 0.6)],
        // Its members are no processes here: they are where VerneMQ's double is (`membership.rs`).
        sizes: &[],
        load: "vernemq_mqtt_publish_received",
    };
    holds(example, exported, promise).await;
}

/// The write-up's own numbers: 32954m for each of two pods, and the size becomes 4.
#[tokio::test]
async fn a_sinusoid_is_followed_as_an_average_and_as_one_value() {
    let example = Example::apply("fake-load").await;
    example.scale("Deployment", "metrics-app", 2).await;
    example.scale("Deployment", "nginx", 2).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    for Pod { name, ip } in pods(&namespace, "run=metrics-app", 2).await {
        let instance = format!("{ip}:8080");
        let labels = [
            ("job", "metrics-app"),
            ("instance", &instance),
            ("namespace", &namespace),
            ("pod", &name),
        ];
        let target = exported.target(&format!("http://{instance}/metrics"), &labels);
        target.gauge("fake_load", &[], 32.954);
    }
    let total = example.query("metrics-app", "fake-load");
    let one_value = example.query("nginx", "fake-load");
    let promise = Promise {
        namespaces: &[&namespace],
        own: (PodNames::of_deployment("metrics-app"), 2),
        answers: &[(total, 65.908), (one_value, 32.954)],
        sizes: &[("Deployment", "metrics-app", 4..=4), ("Deployment", "nginx", 4..=5)],
        load: "fake_load",
    };
    holds(example, exported, promise).await;
}

/// The load balancer itself and its other listener have series of the same name, which are not this one's.
#[tokio::test]
async fn a_workload_follows_the_bytes_of_one_listener() {
    const METRIC: &str = "huaweicloud_sys_elb_m7_in_Bps";
    let example = Example::apply("load-balancer-bytes").await;
    example.world.wait_replicas("Deployment", "nginx", 1).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    for Pod { name: _, ip } in pods(&namespace, "app=cloudeye-exporter", 1).await {
        let instance = format!("{ip}:8087");
        let labels = [
            ("job", "elb_metric"),
            ("instance", &*instance),
            ("app", "cloudeye-exporter"),
            ("version", "v1"),
            ("kubernetes_namespace", &*namespace),
            ("kubernetes_service", "cloudeye-exporter"),
        ];
        let target = exported.target(&format!("http://{instance}/metrics?services=SYS.ELB"), &labels);
        let balancer = ("lbaas_instance_id", "1c4fd1f4-0a52-4f7b-9d0c-1f6f4b1d2a3e");
        let listener = |id| [balancer, ("lbaas_listener_id", id)];
        target.gauge(METRIC, &listener("8d5b4f1e-6f0c-4b61-a8f2-5b1a3c9d7e20"), 3500.0);
        target.gauge(METRIC, &listener("00000000-0000-4000-8000-000000000000"), 900.0);
        target.gauge(METRIC, &[balancer], 4400.0);
    }
    let query = example.query("nginx", "elb-in-bytes");
    let promise = Promise {
        namespaces: &[&namespace],
        own: (PodNames::of_deployment("nginx"), 1),
        answers: &[(query, 3500.0)],
        sizes: &[("Deployment", "nginx", 4..=10)],
        load: METRIC,
    };
    holds(example, exported, promise).await;
}

/// Whom it grows and shrinks by is in `membership/etcd.rs`: there are no members in these pods.
#[tokio::test]
async fn members_of_etcd_follow_the_bytes_that_they_send() {
    const METRIC: &str = "etcd_network_client_grpc_sent_bytes_total";
    let example = Example::apply("etcd").await;
    example.scale("StatefulSet", "etcd", 3).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    for Pod { name, ip } in pods(&namespace, "app.kubernetes.io/name=etcd", 3).await {
        let instance = format!("{ip}:2379");
        let labels = [
            ("job", "etcd"),
            ("instance", &instance),
            ("namespace", &namespace),
            ("pod", &name),
        ];
        let target = exported.target(&format!("http://{instance}/metrics"), &labels);
        target.counter(METRIC, &[], 1.5e7);
    }
    let query = example.query("etcd", "sent-bytes");
    let promise = Promise {
        namespaces: &[&namespace],
        own: (PodNames::of_stateful_set("etcd"), 3),
        answers: &[(query, 4.5e7)],
        sizes: &[],
        load: METRIC,
    };
    holds(example, exported, promise).await;
}

/// Likewise.
#[tokio::test]
async fn nodes_of_rabbitmq_follow_the_messages_that_they_receive() {
    const METRIC: &str = "rabbitmq_global_messages_received_total";
    let example = Example::apply("rabbitmq").await;
    example.scale("StatefulSet", "rabbitmq", 3).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    for Pod { name, ip } in pods(&namespace, "app.kubernetes.io/name=rabbitmq", 3).await {
        let instance = format!("{ip}:15692");
        let labels = [
            ("job", "rabbitmq"),
            ("instance", &instance),
            ("namespace", &namespace),
            ("pod", &name),
        ];
        let target = exported.target(&format!("http://{instance}/metrics"), &labels);
        target.counter(METRIC, &[("protocol", "amqp091")], 2500.0);
    }
    let query = example.query("rabbitmq", "messages");
    let promise = Promise {
        namespaces: &[&namespace],
        own: (PodNames::of_stateful_set("rabbitmq"), 3),
        answers: &[(query, 7500.0)],
        sizes: &[],
        load: METRIC,
    };
    holds(example, exported, promise).await;
}

/// The controllers serve other Ingresses, and one of the same name elsewhere.
#[tokio::test]
async fn a_workload_follows_the_requests_through_its_ingress() {
    const METRIC: &str = "nginx_ingress_controller_requests";
    const CONTROLLER: &str = "ingress-nginx";
    stand_in("ingress-nginx.yaml").await;
    let example = Example::apply("ingress-requests").await;
    example.scale("Deployment", "web", 2).await;
    let namespace = example.world.namespace.clone();
    let mut exported = Exported::new().await;
    let controllers = pods(CONTROLLER, "app.kubernetes.io/component=controller", 2).await;
    for (Pod { name, ip }, per_second) in controllers.iter().zip([25.0, 10.0]) {
        let instance = format!("{ip}:10254");
        let job = ("job", "ingress-nginx-controller");
        let labels = [job, ("instance", &instance), ("namespace", CONTROLLER), ("pod", name)];
        let target = exported.target(&format!("http://{instance}/metrics"), &labels);
        let of = |namespace, ingress, status| {
            let ingress = [("namespace", namespace), ("ingress", ingress), ("service", "web")];
            [&ingress[..], &[("controller_pod", name), ("status", status)]].concat()
        };
        target.counter(METRIC, &of(&namespace, "web", "200"), per_second - 1.0);
        target.counter(METRIC, &of(&namespace, "web", "502"), 1.0);
        target.counter(METRIC, &of(&namespace, "other", "200"), 50.0);
        target.counter(METRIC, &of("elsewhere", "web", "200"), 70.0);
    }
    let query = example.query("web", "requests-per-second");
    let promise = Promise {
        namespaces: &[&namespace, CONTROLLER],
        own: (PodNames::of_deployment("web"), 2),
        answers: &[(query, 35.0)],
        sizes: &[("Deployment", "web", 4..=4)],
        load: METRIC,
    };
    holds(example, exported, promise).await;
}

/// An nginx that was evicted still has its requests in kube-state-metrics, and the load's pods use CPU too: neither counts.
#[tokio::test]
async fn a_workload_follows_its_cpu_utilization_and_its_memory() {
    const KUBE_SYSTEM: &str = "kube-system";
    stand_in("kube-system.yaml").await;
    let example = Example::apply("cpu-and-memory").await;
    example.scale("Deployment", "nginx", 2).await;
    let namespace = example.world.namespace.clone();
    let servers = pods(&namespace, "run=nginx", 2).await;
    let mut exported = Exported::new().await;
    export_usage(&mut exported, &namespace, &servers);
    for Pod { name: _, ip } in pods(KUBE_SYSTEM, "app.kubernetes.io/name=kube-state-metrics", 1).await {
        export_states(&mut exported, &format!("{ip}:8080"), &namespace, &servers);
    }
    let utilization = example.query("nginx", "cpu-utilization");
    let memory = example.query("nginx", "memory");
    let promise = Promise {
        namespaces: &[&namespace, KUBE_SYSTEM],
        own: (PodNames::of_deployment("nginx"), 2),
        answers: &[(utilization, 1.05), (memory, 4.8e6)],
        sizes: &[("Deployment", "nginx", 4..=5)],
        load: "container_cpu_usage_seconds_total",
    };
    holds(example, exported, promise).await;
}

/// What cAdvisor tells of the pods. A pod's own control group has no container, and all that its containers use.
fn export_usage(exported: &mut Exported, namespace: &str, servers: &[Pod]) {
    let labels = [("job", "cadvisor"), ("instance", "fake"), ("node", "fake")];
    let cadvisor = exported.target("http://10.127.0.1:10250/metrics/cadvisor", &labels);
    let mut export = |pod: &str, container: &str, cores, bytes| {
        let labels = [("namespace", namespace), ("pod", pod), ("container", container)];
        cadvisor.counter("container_cpu_usage_seconds_total", &labels, cores);
        cadvisor.gauge("container_memory_working_set_bytes", &labels, bytes);
    };
    for (Pod { name, ip: _ }, cores) in servers.iter().zip([0.05, 0.055]) {
        export(name, "nginx", cores, 2.4e6);
        export(name, "", 0.2, 9e6);
    }
    export("request-load-abcde", "requests", 0.9, 7e5);
}

/// What kube-state-metrics tells of the pods, and of one that was evicted.
fn export_states(exported: &mut Exported, instance: &str, namespace: &str, servers: &[Pod]) {
    let labels = [("job", "kube-state-metrics"), ("instance", instance)];
    let target = exported.target(&format!("http://{instance}/metrics"), &labels);
    let mut export = |pod: &str, phase: &str| {
        let of = [("namespace", namespace), ("pod", pod)];
        for (resource, request) in [("cpu", 0.05), ("memory", 16_777_216.0)] {
            let labels = [&of[..], &[("container", "nginx"), ("resource", resource)]].concat();
            target.gauge("kube_pod_container_resource_requests", &labels, request);
        }
        for other in ["Running", "Failed"] {
            let labels = [&of[..], &[("phase", other)]].concat();
            target.gauge("kube_pod_status_phase", &labels, f64::from(u8::from(phase == other)));
        }
    };
    for Pod { name, ip: _ } in servers {
        export(name, "Running");
    }
    let (deployment, _) = servers[0].name.rsplit_once('-').unwrap();
    export(&format!("{deployment}-zzzzz"), "Failed");
}
