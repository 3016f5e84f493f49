//! The profile of VerneMQ against the double of its API, which knows more than any profile does: what was there is there after.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use autoscaler_core::membership::{Effect, Fact, Reply};
use autoscaler_members::{Cluster, Found, Members, Pod};
use autoscaler_testkit::vernemq::Nodes;
use autoscaler_testkit::wait::eventually;

#[path = "http/operation.rs"]
mod operation;
#[path = "http/prometheus.rs"]
mod prometheus;

use operation::{operation, pod};
use prometheus::Says;

const DEADLINE: Duration = Duration::from_mins(1);
const SOFT: Effect = Effect::Drain(0);
const HARD: Effect = Effect::Drain(1);

/// `make programs` builds it, and so does `cargo test` of the whole workspace.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("vernemq-double");
    assert!(
        program.exists(),
        "{} is missing: run `make programs`",
        program.display()
    );
    program
}

/// Three nodes, the last of which leaves.
struct Stage {
    nodes: Nodes,
    cluster: Cluster,
}

impl Stage {
    async fn open() -> Self {
        let mut nodes = Nodes::new(&program()).unwrap();
        for name in ["0", "1", "2"] {
            nodes.start(name).await.unwrap();
            nodes.agree().await.unwrap();
        }
        let pods = (0..3).map(|ordinal| Pod {
            name: format!("vernemq-{ordinal}"),
            ..pod(ordinal, nodes.address(&ordinal.to_string()).unwrap().into())
        });
        let cluster = Cluster {
            namespace: "default".to_owned(),
            target: "vernemq".to_owned(),
            service: "vernemq".to_owned(),
            domain: "cluster.local".to_owned(),
            pods: pods.collect(),
            credential: None,
        };
        Self { nodes, cluster }
    }

    async fn look(&self) -> Found {
        let profile = autoscaler_members::built_in("vernemq").unwrap();
        let operation = operation(&profile, &self.cluster, 2);
        let members = Members::new().unwrap();
        members
            .look(&profile, &self.cluster, Some(2), Some(&operation), &Says(Some(0.0)))
            .await
    }

    async fn act(&self, effect: Effect) -> Reply {
        let profile = autoscaler_members::built_in("vernemq").unwrap();
        let operation = operation(&profile, &self.cluster, 2);
        let members = Members::new().unwrap();
        members.act(&profile, &self.cluster, &operation, effect, |_| true).await
    }

    async fn until(&self, what: &str, holds: impl Fn(&Found) -> bool + Copy) -> Found {
        eventually(what, DEADLINE, || async {
            let found = self.look().await;
            if holds(&found) {
                Ok(found)
            } else {
                Err(format!("{found:?}"))
            }
        })
        .await
    }

    /// A client with a session and a message at the member that leaves.
    async fn with_a_message(self) -> Self {
        let broker = self.nodes.broker("2");
        broker.connect("client").await.unwrap();
        broker.disconnect("client").await.unwrap();
        broker.publish("client", &["message".to_owned()]).await.unwrap();
        self
    }
}

#[tokio::test]
async fn a_member_leaves_in_two_steps_and_what_it_held_is_with_the_others() {
    let mut stage = Stage::open().await.with_a_message().await;
    let found = stage.look().await;
    assert_eq!(found.trouble, Vec::<String>::new());
    assert!(
        found
            .views
            .iter()
            .all(|view| view.is_healthy == Fact::Yes && view.lists.as_ref().unwrap().len() == 3)
    );
    assert_eq!((&found.done, found.drained), (&vec![Fact::No, Fact::No], Fact::No));
    assert_eq!((found.subject.is_leaving, found.subject.sessions), (Fact::No, Some(0)));

    assert_eq!(stage.act(SOFT).await, Reply::Expected);
    let found = stage.until("suspended", |found| found.done[0].is_yes()).await;
    assert_eq!((found.residue[0], found.subject.is_leaving), (Fact::Yes, Fact::No));

    // Whatever it says, if it says anything: it stops itself.
    stage.act(HARD).await;
    assert_eq!(stage.nodes.exited("2").await, Some(0));
    stage.cluster.pods[2].containers[0].is_running = false;
    let found = stage.until("drained", |found| found.drained.is_yes()).await;
    assert_eq!((found.done[1], found.subject.is_stopped), (Fact::Yes, Fact::Yes));
    assert_eq!(stage.nodes.messages().await.unwrap(), ["message"]);
}

#[tokio::test]
async fn a_soft_leave_is_undone_without_residue() {
    let stage = Stage::open().await;
    assert_eq!(stage.act(SOFT).await, Reply::Expected);
    stage.until("suspended", |found| found.residue[0].is_yes()).await;
    assert_eq!(stage.act(Effect::Undo(0)).await, Reply::Expected);
    let found = stage.until("running", |found| found.residue[0].is_no()).await;
    assert_eq!(found.done[0], Fact::No);
}

#[tokio::test]
async fn a_node_that_has_left_and_starts_again_serves_alone_and_is_not_stopped() {
    let mut stage = Stage::open().await.with_a_message().await;
    stage.act(HARD).await;
    assert_eq!(stage.nodes.exited("2").await, Some(0));
    stage.nodes.start("2").await.unwrap();
    let found = stage.until("drained", |found| found.drained.is_yes()).await;
    assert_eq!((found.subject.is_stopped, found.subject.sessions), (Fact::No, Some(0)));
    assert_eq!(found.views[2].lists.as_ref().unwrap().len(), 1, "it lists itself");
    stage.nodes.broker("2").connect("another").await.unwrap();
    stage
        .until("somebody is served alone", |found| found.subject.sessions == Some(1))
        .await;
}

#[tokio::test]
async fn a_member_whose_pod_is_gone_is_forgotten() {
    let mut stage = Stage::open().await;
    stage.nodes.kill("2");
    stage.cluster.pods.pop();
    let down = |found: &Found| found.views.iter().all(|view| view.is_healthy.is_no());
    stage.until("it is down", down).await;
    assert_eq!(stage.act(Effect::Forget).await, Reply::Expected);
    let forgotten = |found: &Found| {
        found
            .views
            .iter()
            .all(|view| view.lists.as_ref().is_some_and(|lists| lists.len() == 2))
    };
    let found = stage.until("it is forgotten", forgotten).await;
    assert_eq!(found.drained, Fact::Yes);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_told() {
    let mut nodes = Nodes::new(&program()).unwrap().with_flags(&["--auth-mode=apikey"]);
    nodes.start("0").await.unwrap();
    let mut stage = Stage {
        cluster: Cluster {
            namespace: "default".to_owned(),
            target: "vernemq".to_owned(),
            service: "vernemq".to_owned(),
            domain: "cluster.local".to_owned(),
            pods: vec![pod(2, nodes.address("0").unwrap().into())],
            credential: None,
        },
        nodes,
    };
    let found = stage.look().await;
    assert_eq!(found.views[0].lists, None);
    assert!(
        found
            .trouble
            .contains(&"broker-2 refuses the credential (HTTP 401)".to_owned()),
        "{:?}",
        found.trouble
    );
    assert_eq!(stage.act(HARD).await, Reply::Refused);
    stage.cluster.pods.clear();
    drop(stage.nodes);
}
