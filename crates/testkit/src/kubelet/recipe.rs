//! Answers: what is to be run for this pod? Reads the pod's spec, as far as a process without a container needs it.
//!
//! There is one container, and no image: its command is a program of this machine. Volumes are directories that the command
//! finds in variables (`VOLUME_<NAME>`, in capitals), since nothing can be mounted. A recorded port `8888` belongs to the
//! recorder; the process listens on the port in `PORT_8888` instead.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Ports whose calls are to be recorded, with commas between.
pub(super) const RECORD: &str = "testkit.metricautoscaler.dev/record";

/// A pod with this annotation, whatever its value, is probed at once when its container starts for the first time: its
/// `initialDelaySeconds` is for those that are started again.
const PROBED_AT_ONCE: &str = "testkit.metricautoscaler.dev/first-probed-at-once";

/// So far above a recorded port the process listens.
const ABOVE: u16 = 10_000;

/// Why a pod cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecipeError {
    #[error("a pod must have exactly one container here")]
    Containers,
    #[error("a container must have a command here, for there are no images")]
    NoCommand,
    #[error("failed to understand {0}")]
    Unsupported(String),
}

/// How to look whether a pod is ready.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HttpProbe {
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) delay: Duration,
    /// The same when the container starts for the first time.
    pub(super) first_delay: Duration,
    pub(super) period: Duration,
    pub(super) patience: Duration,
    pub(super) failures: u32,
    pub(super) successes: u32,
}

/// What one pod comes to.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) container: String,
    pub(super) image: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) readiness: Option<HttpProbe>,
    pub(super) pre_stop: Option<Vec<String>>,
    pub(super) restarts: bool,
    /// The port as others see it, and the one on which the process listens.
    pub(super) recorded: Vec<(u16, u16)>,
}

/// Where a pod is.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) address: Ipv4Addr,
    pub(super) hosts: &'a Path,
    /// A directory for each volume.
    pub(super) volumes: BTreeMap<String, PathBuf>,
}

impl Recipe {
    pub(super) fn of(pod: &Pod, place: &Place<'_>) -> Result<Self, RecipeError> {
        let spec = pod.spec.as_ref().ok_or(RecipeError::Containers)?;
        let [container] = spec.containers.as_slice() else {
            return Err(RecipeError::Containers);
        };
        let recorded = recorded(pod)?;
        let annotations = pod.metadata.annotations.as_ref();
        let is_at_once = annotations.is_some_and(|all| all.contains_key(PROBED_AT_ONCE));
        let environment = environment(pod, container, place, &recorded);
        let expand = |text: &String| expanded(text, &environment);
        let command: Vec<String> = container
            .command
            .iter()
            .flatten()
            .chain(container.args.iter().flatten())
            .map(expand)
            .collect();
        let (program, arguments) = command.split_first().ok_or(RecipeError::NoCommand)?;
        let hook = container
            .lifecycle
            .as_ref()
            .and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        let pre_stop = hook.and_then(|hook| hook.exec.as_ref()?.command.as_ref());
        Ok(Self {
            container: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            program: program.into(),
            arguments: arguments.to_vec(),
            readiness: container
                .readiness_probe
                .as_ref()
                .map(|probe| readiness(probe, container, &recorded, is_at_once))
                .transpose()?,
            pre_stop: pre_stop.map(|command| command.iter().map(expand).collect()),
            restarts: spec.restart_policy.as_deref() != Some("Never"),
            recorded,
            environment,
        })
    }
}

fn recorded(pod: &Pod) -> Result<Vec<(u16, u16)>, RecipeError> {
    let annotation = pod.metadata.annotations.as_ref().and_then(|all| all.get(RECORD));
    let ports = annotation
        .map_or("", String::as_str)
        .split(',')
        .filter(|port| !port.is_empty());
    let parse = |port: &str| {
        let port: Option<u16> = port.trim().parse().ok();
        let inner = port.and_then(|port| port.checked_add(ABOVE));
        port.zip(inner)
            .ok_or_else(|| RecipeError::Unsupported(format!("the annotation {RECORD}")))
    };
    ports.map(parse).collect()
}

/// What the pod says comes last and may use what comes before.
fn environment(
    pod: &Pod,
    container: &Container,
    place: &Place<'_>,
    recorded: &[(u16, u16)],
) -> BTreeMap<String, String> {
    let field = |path: &str| match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.metadata.namespace.clone(),
        "metadata.uid" => pod.metadata.uid.clone(),
        "status.podIP" => Some(place.address.to_string()),
        "spec.nodeName" => pod.spec.as_ref()?.node_name.clone(),
        _ => None,
    };
    let ours = [
        ("POD_NAME", field("metadata.name")),
        ("POD_NAMESPACE", field("metadata.namespace")),
        ("POD_UID", field("metadata.uid")),
        ("POD_IP", field("status.podIP")),
        ("HOSTS", Some(place.hosts.display().to_string())),
    ];
    let mut all: BTreeMap<String, String> = ours
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    all.extend(
        recorded
            .iter()
            .map(|(port, inner)| (format!("PORT_{port}"), inner.to_string())),
    );
    for (name, directory) in &place.volumes {
        let name = name.to_uppercase().replace(['-', '.'], "_");
        all.insert(format!("VOLUME_{name}"), directory.display().to_string());
    }
    for EnvVar {
        name,
        value,
        value_from,
        ..
    } in container.env.iter().flatten()
    {
        let from_field = value_from
            .as_ref()
            .and_then(|from| field(&from.field_ref.as_ref()?.field_path));
        let value = value.as_ref().map(|value| expanded(value, &all)).or(from_field);
        all.insert(name.clone(), value.unwrap_or_default());
    }
    all
}

fn readiness(
    probe: &Probe,
    container: &Container,
    recorded: &[(u16, u16)],
    is_at_once: bool,
) -> Result<HttpProbe, RecipeError> {
    let unsupported = || RecipeError::Unsupported("a readiness probe that is not httpGet".to_owned());
    let http = probe.http_get.as_ref().ok_or_else(unsupported)?;
    let port = match &http.port {
        IntOrString::Int(port) => Some(*port),
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports
                .find(|port| port.name.as_ref() == Some(name))
                .map(|port| port.container_port)
        }
    };
    let port = port.and_then(|port| u16::try_from(port).ok()).ok_or_else(unsupported)?;
    // Our own looks are no calls.
    let inner = recorded
        .iter()
        .find(|(outer, _)| *outer == port)
        .map_or(port, |(_, inner)| *inner);
    let number =
        |value: Option<i32>, default: u32| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
    let seconds = |value, default| Duration::from_secs(number(value, default).into());
    let delay = seconds(probe.initial_delay_seconds, 0);
    Ok(HttpProbe {
        port: inner,
        path: http.path.clone().unwrap_or_else(|| "/".to_owned()),
        delay,
        first_delay: if is_at_once { Duration::ZERO } else { delay },
        period: seconds(probe.period_seconds, 10),
        patience: seconds(probe.timeout_seconds, 1),
        failures: number(probe.failure_threshold, 3),
        successes: number(probe.success_threshold, 1),
    })
}

/// `$(NAME)` for the variable; what is not known stays as it is.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> String {
    let replace = |text: String, (name, value): (&String, &String)| text.replace(&format!("$({name})"), value);
    variables.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recipe(container: &serde_json::Value) -> Result<Recipe, RecipeError> {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "db-1", "namespace": "x", "uid": "u", "annotations": {RECORD: "2379"}},
            "spec": {"containers": [container]},
        }));
        let place = Place {
            address: Ipv4Addr::new(127, 1, 2, 3),
            hosts: Path::new("/hosts"),
            volumes: BTreeMap::from([("data".to_owned(), PathBuf::from("/claims/1"))]),
        };
        Recipe::of(&pod.unwrap(), &place)
    }

    #[test]
    fn the_command_is_told_where_it_is_and_where_its_volumes_are() {
        let recipe = recipe(&json!({
            "name": "db", "command": ["/bin/db", "--data=$(VOLUME_DATA)"], "args": ["--at=$(POD_IP):$(PORT_2379)", "$(ME)"],
            "env": [{"name": "ME", "value": "$(POD_NAME).svc"}],
        }));
        let recipe = recipe.unwrap();
        assert_eq!(recipe.program, Path::new("/bin/db"));
        assert_eq!(
            recipe.arguments,
            ["--data=/claims/1", "--at=127.1.2.3:12379", "db-1.svc"]
        );
    }

    #[test]
    fn a_probe_goes_past_the_recorder_and_has_the_defaults_of_kubernetes() {
        let probe = json!({"httpGet": {"port": "client", "path": "/health"}});
        let ports = json!([{"name": "client", "containerPort": 2379}]);
        let recipe = recipe(&json!({"name": "db", "command": ["db"], "ports": ports, "readinessProbe": probe}));
        let probe = recipe.unwrap().readiness.unwrap();
        assert_eq!((probe.port, probe.path.as_str()), (12_379, "/health"));
        assert_eq!(
            (probe.period, probe.failures, probe.successes),
            (Duration::from_secs(10), 3, 1)
        );
    }

    #[test]
    fn who_starts_again_is_probed_later_than_who_starts_first_where_a_pod_says_so() {
        let probe = json!({"httpGet": {"port": 80}, "initialDelaySeconds": 90});
        let mut pod = json!({
            "metadata": {"name": "db-1"}, "spec": {"containers": [{"name": "db", "command": ["db"], "readinessProbe": probe}]},
        });
        let delays = |pod: &serde_json::Value| {
            let place = Place {
                address: Ipv4Addr::new(127, 1, 2, 3),
                hosts: Path::new("/hosts"),
                volumes: BTreeMap::new(),
            };
            let pod = serde_json::from_value(pod.clone()).unwrap();
            let probe = Recipe::of(&pod, &place).unwrap().readiness.unwrap();
            (probe.first_delay.as_secs(), probe.delay.as_secs())
        };
        assert_eq!(delays(&pod), (90, 90));
        pod["metadata"]["annotations"] = json!({PROBED_AT_ONCE: "true"});
        assert_eq!(delays(&pod), (0, 90));
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_a_reason() {
        assert_eq!(recipe(&json!({"name": "db"})).unwrap_err(), RecipeError::NoCommand);
        let exec = json!({"exec": {"command": ["true"]}});
        assert!(recipe(&json!({"name": "db", "command": ["db"], "readinessProbe": exec})).is_err());
    }
}
