//! The life of one pod: from the moment it is placed here until its process is gone and its object removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::probe::look;
use super::recipe::{Place, Recipe};
use super::status::{Container, Object, Status};
use super::{Order, Shared};
use crate::process::{Process, ProcessSpec, Signal};
use crate::recorder::{Callee, RecordedPort};

/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(100);
/// The kubelet's own back-off of crashing containers is 10 s, doubling up to 5 minutes: here a fiftieth of it. The first restart
/// comes at once, as there.
const FIRST_BACK_OFF: Duration = Duration::from_millis(200);
const LAST_BACK_OFF: Duration = Duration::from_secs(6);

/// Why the process does not run any more.
enum Stopped {
    Exited(i32),
    Told(Order),
}

/// A pod that is being run.
pub(super) struct Life {
    shared: Arc<Shared>,
    pod: Pod,
    address: Ipv4Addr,
    host: Option<String>,
    object: Object,
    orders: watch::Receiver<Order>,
    statuses: watch::Sender<Option<Status>>,
    status: Status,
    volumes: BTreeMap<String, PathBuf>,
}

impl Life {
    pub(super) fn new(shared: Arc<Shared>, pod: Pod, orders: watch::Receiver<Order>) -> Self {
        let (name, namespace) = (text(pod.metadata.name.as_ref()), text(pod.metadata.namespace.as_ref()));
        let uid = text(pod.metadata.uid.as_ref());
        let object = Object {
            pods: Api::namespaced(shared.client.clone(), &namespace),
            name: name.clone(),
            uid,
        };
        let address = shared.address_of(&pod);
        let (statuses, told) = watch::channel(None);
        tokio::spawn(object.clone().tell(told, shared.reach.subscribe()));
        let status = first_status(&pod, address);
        let host = host(&pod, &name, &namespace);
        Self {
            shared,
            pod,
            address,
            host,
            object,
            orders,
            statuses,
            status,
            volumes: BTreeMap::new(),
        }
    }

    /// All of it.
    pub(super) async fn run(mut self) {
        let order = match self.prepare().await {
            Err(order) => order,
            Ok((recipe, ports)) => self.live(&recipe, &ports).await,
        };
        // A later pod of the same name may have the name already.
        let is_ours = |host: &&String| self.shared.hosts.get(host) == Some(self.address.into());
        if let Some(host) = self.host.as_ref().filter(is_ours) {
            self.shared.hosts.remove(host);
        }
        if order == Order::Delete {
            self.object.remove(self.shared.reach.subscribe()).await;
        }
    }

    /// Everything that must be there before the process starts.
    async fn prepare(&mut self) -> Result<(Recipe, Vec<RecordedPort>), Order> {
        let mut orders = self.orders.clone();
        let prepared = async {
            self.volumes = loop {
                match self.claims().await {
                    Ok(volumes) => break volumes,
                    Err(missing) => self.wait_for("ContainerCreating", &missing).await,
                }
            };
            if let Some(host) = &self.host {
                // Whoever cannot write here finds that out at the next write.
                let _ = self.shared.hosts.set(host, self.address.into());
            }
            let place = Place {
                address: self.address,
                hosts: self.shared.hosts.directory(),
                volumes: self.volumes.clone(),
            };
            let recipe = match Recipe::of(&self.pod, &place) {
                Ok(recipe) => recipe,
                Err(error) => loop {
                    self.wait_for("RunContainerError", &error.to_string()).await;
                },
            };
            let ports = loop {
                match self.ports(&recipe) {
                    Ok(ports) => break ports,
                    Err(error) => self.wait_for("RunContainerError", &error.to_string()).await,
                }
            };
            (recipe, ports)
        };
        tokio::select! {
            order = told(&mut orders) => Err(order),
            prepared = prepared => Ok(prepared),
        }
    }

    async fn wait_for(&mut self, reason: &str, message: &str) {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        self.status.now = Container::Waiting { reason, message };
        self.publish();
        sleep(TICK).await;
    }

    /// A directory for each volume: that of the claim it is bound to, or one that lives as long as the pod.
    async fn claims(&self) -> Result<BTreeMap<String, PathBuf>, String> {
        let namespace = text(self.pod.metadata.namespace.as_ref());
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.shared.client.clone(), &namespace);
        let mut volumes = BTreeMap::new();
        let wanted = self.pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        for volume in wanted {
            let directory = if let Some(source) = &volume.persistent_volume_claim {
                let claim = claims
                    .get(&source.claim_name)
                    .await
                    .map_err(|error| error.to_string())?;
                let phase = claim.status.and_then(|status| status.phase);
                if phase.as_deref() != Some("Bound") {
                    return Err(format!("claim {} is not bound", source.claim_name));
                }
                self.shared.claim_directory(&text(claim.metadata.uid.as_ref()))
            } else if volume.empty_dir.is_some() {
                self.shared.root.join("pods").join(&self.object.uid).join(&volume.name)
            } else {
                continue;
            };
            fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
            volumes.insert(volume.name.clone(), directory);
        }
        Ok(volumes)
    }

    fn ports(&self, recipe: &Recipe) -> io::Result<Vec<RecordedPort>> {
        let callee = Callee {
            namespace: text(self.pod.metadata.namespace.as_ref()),
            pod: self.object.name.clone(),
            uid: self.object.uid.clone(),
        };
        let port = |(outer, inner): &(u16, u16)| {
            let (outer, inner) = ((self.address, *outer).into(), (self.address, *inner).into());
            RecordedPort::closed(outer, inner, callee.clone(), self.shared.log.clone())
        };
        recipe.recorded.iter().map(port).collect()
    }

    /// Starts the process again and again, until it is told to end.
    async fn live(&mut self, recipe: &Recipe, ports: &[RecordedPort]) -> Order {
        self.status.name.clone_from(&recipe.container);
        self.status.image.clone_from(&recipe.image);
        let mut back_off = None;
        loop {
            let since = Timestamp::now();
            let stopped = match self.start(recipe) {
                Ok(process) => {
                    ports.iter().for_each(RecordedPort::open);
                    let stopped = self.watch(recipe, &process, since).await;
                    let stopped = match stopped {
                        Stopped::Told(Order::Delete) => {
                            self.stop(recipe, &process).await;
                            Stopped::Told(Order::Delete)
                        }
                        other => other,
                    };
                    process.kill();
                    self.shared.ended(&self.object.uid);
                    ports.iter().for_each(RecordedPort::close);
                    stopped
                }
                Err(code) => Stopped::Exited(code),
            };
            let code = match stopped {
                Stopped::Told(order) => return order,
                Stopped::Exited(code) => code,
            };
            self.exited(code, since, recipe.restarts);
            if !recipe.restarts {
                return told(&mut self.orders).await;
            }
            let pause = back_off.map_or(Duration::ZERO, |last: Duration| {
                (last * 2).clamp(FIRST_BACK_OFF, LAST_BACK_OFF)
            });
            back_off = Some(pause);
            if let Ok(order) = timeout(pause, told(&mut self.orders)).await {
                return order;
            }
            self.status.restarts += 1;
        }
    }

    /// An exit code if there is no such program.
    fn start(&mut self, recipe: &Recipe) -> Result<Arc<Process>, i32> {
        let directory = self.shared.root.join("logs");
        // Without a log there is no process either.
        let _ = fs::create_dir_all(&directory);
        let log = directory.join(format!("{}.{}.log", self.object.name, self.object.uid));
        let mut spec = ProcessSpec::new(&self.object.name, &recipe.program, log).args(&recipe.arguments);
        for (name, value) in &recipe.environment {
            spec = spec.env(name, value);
        }
        let process = Arc::new(Process::spawn(&spec).map_err(|_| 127)?);
        self.status.id = format!("testkit://{}-{}", self.object.uid, self.status.restarts);
        self.shared.started(&self.object.uid, &process);
        Ok(process)
    }

    /// Tells whether it is ready, until it has ended or is to end.
    async fn watch(&mut self, recipe: &Recipe, process: &Process, since: Timestamp) -> Stopped {
        self.status.now = Container::Running { since };
        self.status.phase = "Running";
        let (ready, mut readiness) = watch::channel(recipe.readiness.is_none());
        self.set_ready(recipe.readiness.is_none());
        let is_first = self.status.restarts == 0;
        let probing = async {
            match recipe.readiness.clone() {
                Some(probe) => look(probe, is_first, self.address, ready).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(probing);
        let mut orders = self.orders.clone();
        loop {
            tokio::select! {
                biased;
                order = told(&mut orders) => return Stopped::Told(order),
                code = exit(process) => return Stopped::Exited(code),
                Ok(()) = readiness.changed() => {
                    let is_ready = *readiness.borrow_and_update();
                    // Not `self.set_ready`: the probe borrows the address.
                    change_ready(&mut self.status, is_ready);
                    self.statuses.send_replace(Some(self.status.clone()));
                }
                () = &mut probing => {}
            }
        }
    }

    /// preStop, SIGTERM, and SIGKILL when the grace period is over.
    async fn stop(&self, recipe: &Recipe, process: &Process) {
        let grace = self.shared.grace_of(&self.object.uid).unwrap_or(30);
        let end = Instant::now() + Duration::from_secs(grace);
        if let Some((program, arguments)) = recipe.pre_stop.as_ref().and_then(|command| command.split_first()) {
            let mut hook = tokio::process::Command::new(program);
            hook.args(arguments).envs(&recipe.environment).kill_on_drop(true);
            // A hook that fails does not keep a pod.
            let _ = timeout(end - Instant::now(), hook.output()).await;
        }
        let _ = process.signal(Signal::TERM);
        // kuberuntime: at least two seconds, however long the hook took.
        let left = end
            .saturating_duration_since(Instant::now())
            .max(Duration::from_secs(2));
        let mut orders = self.orders.clone();
        let vanished = async {
            orders
                .wait_for(|order| *order != Order::Delete && *order != Order::Run)
                .await
                .is_ok()
        };
        tokio::select! {
            _ = process.wait_exit(left) => {}
            _ = vanished => {}
        }
    }

    fn exited(&mut self, code: i32, since: Timestamp, restarts: bool) {
        let ended = Container::Terminated {
            code,
            since,
            at: Timestamp::now(),
            id: self.status.id.clone(),
        };
        self.status.before = Some(ended.clone());
        self.status.now = ended;
        if !restarts {
            self.status.phase = if code == 0 { "Succeeded" } else { "Failed" };
        }
        self.set_ready(false);
    }

    fn set_ready(&mut self, is_ready: bool) {
        change_ready(&mut self.status, is_ready);
        self.publish();
    }

    fn publish(&self) {
        self.statuses.send_replace(Some(self.status.clone()));
    }
}

fn change_ready(status: &mut Status, is_ready: bool) {
    if status.is_ready != is_ready {
        (status.is_ready, status.ready_changed) = (is_ready, Timestamp::now());
    }
}

/// The next order, if it is not to run.
async fn told(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Run).await {
        Ok(order) => *order,
        // The kubelet is gone.
        Err(_) => Order::Kill,
    }
}

async fn exit(process: &Process) -> i32 {
    loop {
        if let Some(status) = process.wait_exit(Duration::from_mins(1)).await {
            return status.code().unwrap_or(-1);
        }
    }
}

/// A container that was there before this kubelet was, such as before its node was lost, counts as one that has ended.
fn first_status(pod: &Pod, address: Ipv4Addr) -> Status {
    let known = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref()?.first());
    let ran_before = known.is_some_and(|known| known.container_id.as_ref().is_some_and(|id| !id.is_empty()));
    let now = Timestamp::now();
    let waiting = ("ContainerCreating".to_owned(), String::new());
    Status {
        phase: "Pending",
        address,
        started: pod
            .status
            .as_ref()
            .and_then(|status| status.start_time.as_ref())
            .map_or(now, |time| time.0),
        is_ready: false,
        ready_changed: now,
        name: pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .map(|container| container.name.clone())
            .next()
            .unwrap_or_default(),
        image: String::new(),
        restarts: known.filter(|_| ran_before).map_or(0, |known| known.restart_count + 1),
        id: String::new(),
        now: Container::Waiting {
            reason: waiting.0,
            message: waiting.1,
        },
        before: None,
    }
}

/// The name that a headless Service gives it.
fn host(pod: &Pod, name: &str, namespace: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let host = spec.hostname.as_deref().unwrap_or(name);
    let domain = spec.subdomain.as_ref()?;
    Some(format!("{host}.{domain}.{namespace}.svc.cluster.local"))
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}
