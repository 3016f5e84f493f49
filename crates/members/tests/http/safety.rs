//! Who is asked and who is not, what carries the secret, and that nothing is sent without leave.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use autoscaler_core::membership::{Effect, Fact, Leave, Reply, Work};
use autoscaler_members::{Found, Members, Questions};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rstest::rstest;
use serde_json::json;

use crate::cluster::Stage;
use crate::member::{Member, Says};
use crate::prometheus::Says as Prometheus;

const SHOW: &str = "GET /api/v1/cluster/show";
const LEAVE: &str = "GET /api/v1/cluster/leave";
const HARD: Effect = Effect::Drain(1);
const SECRET: &str = "hunter2-hunter2";

/// An address of the same test at which nobody listens.
pub(crate) fn next_to(ip: IpAddr) -> IpAddr {
    let IpAddr::V4(ip) = ip else {
        panic!("tests listen on loopback")
    };
    let [one, test, ..] = ip.octets();
    IpAddr::V4(Ipv4Addr::new(one, test, 200, 200))
}

#[rstest]
#[case::stopped(false, true, Fact::Yes)]
#[case::the_kubelet_is_behind(true, true, Fact::Unknown)]
#[case::started_again(false, false, Fact::No)]
#[case::running(true, false, Fact::No)]
#[tokio::test]
async fn a_member_is_stopped_if_the_kubelet_says_so_and_nobody_listens(
    #[case] runs: bool,
    #[case] is_refused: bool,
    #[case] stopped: Fact,
) {
    let mut stage = Stage::of("vernemq", 2).await;
    stage.cluster.pods[1].containers[0].is_running = runs;
    if is_refused {
        stage.cluster.pods[1].ip = stage.cluster.pods[1].ip.map(next_to);
    }
    assert_eq!(stage.look().await.subject.is_stopped, stopped);
}

#[tokio::test]
async fn a_pod_that_is_not_there_is_not_known_to_be_stopped() {
    let mut stage = Stage::of("vernemq", 2).await;
    stage.cluster.pods.pop();
    let found = stage.look().await;
    assert_eq!(
        (found.subject.is_stopped, found.subject.is_leaving),
        (Fact::Unknown, Fact::Unknown)
    );
}

#[tokio::test]
async fn a_pod_that_never_ran_is_stopped() {
    let mut stage = Stage::of("vernemq", 2).await;
    stage.cluster.pods[1].ip = None;
    stage.cluster.pods[1].containers.clear();
    let found = stage.look().await;
    assert_eq!(found.subject.is_stopped, Fact::Yes);
    assert!(
        found.trouble.contains(&"broker-1 has no IP".to_owned()),
        "{:?}",
        found.trouble
    );
}

#[tokio::test]
async fn a_pod_on_the_network_of_its_node_gets_nothing() {
    let mut stage = Stage::of("vernemq", 2).await.with_credential(SECRET);
    stage.cluster.pods[1].host_network = true;
    let found = stage.look().await;
    assert_eq!(stage.act(HARD).await, Reply::Unclear);
    assert!(stage.leaver().heard().is_empty());
    assert_eq!(found.subject.is_stopped, Fact::Unknown);
    assert!(
        found
            .trouble
            .contains(&"broker-1 is on the network of its node, so it is not asked".to_owned())
    );
}

#[tokio::test]
async fn another_pod_in_its_place_gets_no_act() {
    let mut stage = Stage::of("vernemq", 2).await;
    stage.cluster.pods[1].uid = "another".to_owned();
    assert_eq!(stage.act(HARD).await, Reply::Unclear);
    assert!(stage.leaver().heard().is_empty());
}

#[tokio::test]
async fn m15_nothing_is_sent_once_it_may_not_be() {
    let stage = Stage::of("vernemq", 2).await;
    assert_eq!(stage.act_if(HARD, |_| false).await, Reply::Unclear);
    assert!(stage.leaver().heard().is_empty());
}

#[tokio::test]
async fn m15_of_several_requests_each_is_asked_about() {
    let stage = Stage::of("vernemq", 2).await;
    let row = |port| json!({"type": "mqtt", "status": "suspended", "address": "10.0.0.7", "port": port});
    stage.leaver().says_json(
        "GET /api/v1/listener/show",
        json!({"type": "table", "table": [row("1"), row("2"), row("3")]}),
    );
    stage
        .leaver()
        .says_json("GET /api/v1/listener/restart", json!({"type": "text", "text": "Done"}));
    let sent = AtomicUsize::new(0);
    let reply = stage
        .act_if(Effect::Undo(0), |_| sent.fetch_add(1, Ordering::Relaxed) < 2)
        .await;
    assert_eq!(reply, Reply::Unclear);
    assert_eq!(stage.leaver().heard_of("restart").len(), 2);
}

#[tokio::test]
async fn the_secret_goes_in_its_header_with_questions_and_acts_and_nowhere_else() {
    let stage = Stage::of("vernemq", 2).await.with_credential(SECRET);
    stage
        .leaver()
        .says(LEAVE, Says::Json(200, json!({"type": "text", "text": "Done"})));
    let found = stage.look().await;
    stage.act(HARD).await;
    for heard in stage.members.iter().flat_map(Member::heard) {
        assert_eq!(heard.headers["x-api-key"], SECRET);
        assert!(!heard.line.contains(SECRET) && !heard.body.contains(SECRET));
    }
    let shown = format!(
        "{found:?} {:?} {:?} {:?}",
        stage.cluster,
        stage.profile,
        Members::new().unwrap()
    );
    assert!(!shown.contains(SECRET));
}

#[tokio::test]
async fn nobody_is_followed_to_another_place() {
    let stage = Stage::of("vernemq", 2).await.with_credential(SECRET);
    let elsewhere = Stage::of("vernemq", 1).await;
    let to = format!(
        "http://{}:{}/api/v1/cluster/show",
        elsewhere.cluster.pods[0].ip.unwrap(),
        elsewhere.port
    );
    stage.leaver().says(SHOW, Says::Redirect(to.clone()));
    stage.leaver().says(LEAVE, Says::Redirect(to));
    assert_eq!(stage.look().await.views[1].lists, None);
    assert_eq!(stage.act(HARD).await, Reply::Unclear);
    assert!(elsewhere.members[0].heard().is_empty());
}

#[rstest]
#[case::optional(true, true)]
#[case::needed(false, false)]
#[tokio::test]
async fn without_a_secret_that_is_needed_nobody_is_asked(#[case] optional: bool, #[case] asked: bool) {
    let mut stage = Stage::of("vernemq", 2).await;
    let mut spec = stage.profile.spec().clone();
    spec.member.credential.as_mut().unwrap().optional = Some(optional);
    stage.profile = autoscaler_members::Compiled::compile(&spec).unwrap();
    let found = stage.look().await;
    stage.act(HARD).await;
    assert_eq!(!stage.leaver().heard().is_empty(), asked);
    let trouble = "broker-0 is not asked, for the credential is missing".to_owned();
    assert_eq!(found.trouble.contains(&trouble), !asked, "{:?}", found.trouble);
}

#[tokio::test]
async fn a_secret_that_is_refused_is_told_without_it() {
    let stage = Stage::of("vernemq", 2).await.with_credential(SECRET);
    stage.members[0].says(SHOW, Says::Text(401, SECRET.to_owned()));
    let found = stage.look().await;
    assert!(
        found
            .trouble
            .contains(&"broker-0 refuses the credential (HTTP 401)".to_owned()),
        "{:?}",
        found.trouble
    );
    assert!(!format!("{found:?}").contains(SECRET));
}

#[rstest]
#[case::too_long(Says::Text(200, format!("[\"{}\"]", "a".repeat(300 << 10))))]
#[case::too_many(Says::Json(200, json!({"table": vec![json!({"Node": "a"}); 501]})))]
#[case::too_deep(Says::Text(200, format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))))]
#[case::too_late(Says::Nothing)]
#[tokio::test]
async fn an_answer_that_is_too_much_or_too_late_is_none(#[case] says: Says) {
    let stage = Stage::of("vernemq", 1).await;
    stage.members[0].says(SHOW, says);
    assert_eq!(stage.look().await.views[0].lists, None);
}

#[tokio::test]
async fn without_anybody_who_leaves_the_members_are_asked_all_the_same() {
    let stage = Stage::of("etcd", 2).await;
    stage.all_say(
        "POST /v3/cluster/member/list",
        &json!({"members": [{"ID": "1", "name": "broker-0"}, {"ID": "2", "name": "broker-1"}]}),
    );
    stage.all_say("GET /health", &json!({"health": "true"}));
    let members = Members::new().unwrap();
    let found = members
        .look(&stage.profile, &stage.cluster, None, None, &Prometheus(None))
        .await;
    assert!(
        found
            .views
            .iter()
            .all(|view| view.is_healthy == Fact::Yes && view.lists.is_some())
    );
    assert_eq!(
        (found.drained, found.done, found.subject.is_stopped),
        (Fact::Unknown, vec![Fact::Unknown], Fact::Unknown)
    );
}

#[tokio::test]
async fn m13_residue_is_found_without_an_operation() {
    let stage = Stage::of("vernemq", 2).await;
    let row = json!({"type": "mqtt", "status": "suspended", "address": "10.0.0.7", "port": "1883"});
    stage
        .leaver()
        .says_json("GET /api/v1/listener/show", json!({"type": "table", "table": [row]}));
    let members = Members::new().unwrap();
    let found = members
        .look(&stage.profile, &stage.cluster, Some(1), None, &Prometheus(Some(0.0)))
        .await;
    assert_eq!(found.residue, [Fact::Yes, Fact::No]);
    let found = members
        .look(&stage.profile, &stage.cluster, Some(0), None, &Prometheus(Some(0.0)))
        .await;
    assert_eq!(found.residue, [Fact::Unknown, Fact::No], "it does not tell");
}

#[tokio::test]
async fn looks_and_acts_can_be_handed_to_another_thread() {
    let stage = Stage::of("vernemq", 2).await;
    let members = Members::new().unwrap();
    let (operation, prometheus) = (&stage.operation, Prometheus(None));
    let look: BoxFuture<'_, Found> = members
        .look(&stage.profile, &stage.cluster, Some(1), Some(operation), &prometheus)
        .boxed();
    look.await;
    let act: BoxFuture<'_, Reply> = members
        .act(&stage.profile, &stage.cluster, operation, HARD, |_| true)
        .boxed();
    act.await;
}

/// Prometheus that takes every question and never answers.
struct Hangs;

impl Questions for Hangs {
    fn ask<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<f64>> {
        std::future::pending().boxed()
    }
}

/// What is proven must not be older than two seconds when the replicas are lowered (M2), whoever else is slow.
#[tokio::test(start_paused = true)]
async fn m19_a_prometheus_that_hangs_does_not_make_a_proof_too_old() {
    let mut stage = Stage::of("vernemq", 1).await;
    stage.cluster.pods.clear();
    let members = Members::new().unwrap();
    for (work, seconds) in [
        (Leave::Gating, 6.0),
        (
            Leave::Draining {
                step: 1,
                committed: false,
            },
            6.0,
        ),
        (
            Leave::Draining {
                step: 1,
                committed: true,
            },
            1.5,
        ),
        (Leave::Drained { committed: true }, 1.5),
        (Leave::Patched, 1.5),
    ] {
        stage.operation.work = Work::Leave(work);
        let began = tokio::time::Instant::now();
        members
            .look(&stage.profile, &stage.cluster, Some(0), Some(&stage.operation), &Hangs)
            .await;
        assert!(
            (began.elapsed().as_secs_f64() - seconds).abs() < 0.01,
            "{work:?}: {:?}",
            began.elapsed()
        );
    }
}
