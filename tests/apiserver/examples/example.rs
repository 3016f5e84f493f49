//! One directory of `examples/`, applied to the plane in a namespace of its own.

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use autoscaler_testkit::prometheus::Prometheus;
use autoscaler_testkit::wait::eventually;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::shared::{plane, repository};
use crate::world::{DEADLINE, World};

/// What `kubectl apply` takes, in the order of the README.
const APPLIED: [&str; 4] = ["workload.yaml", "scrape.yaml", "autoscaler.yaml", "load.yaml"];

/// The namespace that the queries are written for.
const WRITTEN_FOR: &str = r#"namespace="default""#;

/// See the module.
pub(super) struct Example {
    pub(super) world: World,
    name: &'static str,
}

/// A pod as far as Prometheus knows it.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) ip: String,
}

/// Where the examples are.
pub(super) fn directory() -> PathBuf {
    repository().join("examples")
}

/// The documents of a file of a case.
pub(super) fn documents(case: &str, file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(case, file)).unwrap()
}

impl Example {
    /// Applies all files of a case as they are, then the autoscalers for this namespace, as the README says.
    pub(super) async fn apply(name: &'static str) -> Self {
        service_monitors_are_served().await;
        let example = Self {
            world: World::new(name).await,
            name,
        };
        for file in APPLIED {
            for document in example.documents(file) {
                assert_eq!(
                    document["metadata"].get("namespace"),
                    None,
                    "{name}/{file} is bound to a namespace"
                );
            }
            example.kubectl_apply(&read(name, file)).await;
        }
        let autoscalers = read(name, "autoscaler.yaml");
        example.kubectl_apply(&example.in_this_namespace(&autoscalers)).await;
        example
    }

    /// Scales a workload, and waits until its pods are ready.
    pub(super) async fn scale(&self, kind: &str, name: &str, replicas: u32) {
        self.world.scale_by_hand(kind, name, replicas).await;
        self.world.wait_replicas(kind, name, replicas).await;
    }

    /// The objects of a file, or the one document of a scrape configuration.
    pub(super) fn documents(&self, file: &str) -> Vec<Value> {
        documents(self.name, file)
    }

    /// The query of a metric, for this namespace.
    pub(super) fn query(&self, autoscaler: &str, metric: &str) -> String {
        let named = |list: &[Value], name: &str, field: &str| {
            let found = list
                .iter()
                .find(|item| item.pointer(field).is_some_and(|value| value == name));
            found.unwrap_or_else(|| panic!("no {name} in {list:?}")).clone()
        };
        let autoscaler = named(&self.documents("autoscaler.yaml"), autoscaler, "/metadata/name");
        let metric = named(autoscaler["spec"]["metrics"].as_array().unwrap(), metric, "/name");
        self.in_this_namespace(metric["prometheus"]["query"].as_str().unwrap())
    }

    /// The operator, with this Prometheus as its source, brings workloads to one of these counts each.
    pub(super) async fn reaches(&mut self, prometheus: &Prometheus, sizes: &[(&str, &str, RangeInclusive<u32>)]) {
        if sizes.is_empty() {
            return;
        }
        self.world.source = Some(prometheus.url());
        let _operator = self.world.operator().await;
        for (kind, name, size) in sizes {
            let what = format!("{kind} {name} has {size:?} replicas");
            eventually(&what, DEADLINE, || async {
                let now = self.world.replicas(kind, name).await;
                if size.contains(&now) {
                    Ok(())
                } else {
                    Err(now.to_string())
                }
            })
            .await;
        }
    }

    /// What the README has `sed` do.
    fn in_this_namespace(&self, text: &str) -> String {
        assert!(text.contains(WRITTEN_FOR), "a query without a namespace: {text}");
        text.replace(WRITTEN_FOR, &format!(r#"namespace="{}""#, self.world.namespace))
    }

    async fn kubectl_apply(&self, yaml: &str) {
        let arguments = ["apply", "--namespace", &self.world.namespace, "--filename", "-"];
        let output = self.world.plane.kubectl_with_input(&arguments, yaml).await.unwrap();
        assert!(output.success, "{}", output.stderr);
        assert_eq!(output.stderr, "", "a warning");
    }
}

/// The pods with these labels, once so many of them have an address; in the order of their names.
pub(super) async fn pods(namespace: &str, selector: &str, count: usize) -> Vec<Pod> {
    let arguments = ["get", "pods", "--namespace", namespace, "--selector", selector];
    let output = "--output=jsonpath={range .items[?(@.status.podIP)]}{.metadata.name} {.status.podIP}{\"\\n\"}{end}";
    let arguments = [&arguments[..], &["--sort-by=.metadata.name", output]].concat();
    eventually(&format!("{count} pods {selector} in {namespace}"), DEADLINE, || async {
        let output = plane().await.kubectl(&arguments).await.unwrap();
        let lines = output.stdout.lines().filter_map(|line| line.split_once(' '));
        let pods: Vec<Pod> = lines
            .map(|(name, ip)| Pod {
                name: name.to_owned(),
                ip: ip.to_owned(),
            })
            .collect();
        if pods.len() == count {
            Ok(pods)
        } else {
            Err(format!("{output:?}"))
        }
    })
    .await
}

/// Other people's objects that a case needs to be there, from a file of the tests.
pub(super) async fn stand_in(manifest: &str) {
    let file = repository().join("tests/apiserver/examples/manifests").join(manifest);
    plane().await.apply_file(&file).await.unwrap();
}

/// The kind that the Prometheus Operator brings, as far as we use it.
pub(crate) async fn service_monitors_are_served() {
    static SERVED: OnceCell<()> = OnceCell::const_new();
    SERVED
        .get_or_init(|| async {
            stand_in("service-monitor.yaml").await;
            eventually("ServiceMonitors are served", DEADLINE, || async {
                let output = plane().await.kubectl(&["get", "servicemonitors"]).await.unwrap();
                if output.success { Ok(()) } else { Err(output.stderr) }
            })
            .await;
        })
        .await;
}

fn read(case: &str, file: &str) -> String {
    let path = directory().join(case).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
