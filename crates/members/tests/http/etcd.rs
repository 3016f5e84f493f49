//! The profile of etcd: members have names, and are removed by number.

use autoscaler_core::membership::{Effect, Fact, Reply};
use serde_json::{Value, json};

use crate::cluster::Stage;
use crate::member::Says;

const LIST: &str = "POST /v3/cluster/member/list";
const REMOVE: &str = "POST /v3/cluster/member/remove";
const HEALTH: &str = "GET /health";

fn list(members: &[(&str, &str)]) -> Value {
    let rows: Vec<Value> = members
        .iter()
        .map(|(id, name)| json!({"ID": id, "name": name, "peerURLs": ["http://x"]}))
        .collect();
    json!({"header": {"cluster_id": "1"}, "members": rows})
}

async fn three() -> Stage {
    let stage = Stage::of("etcd", 3).await;
    stage.all_say(
        LIST,
        &list(&[
            ("8211f1d0f64f3269", "broker-0"),
            ("91bc3c398fb3c146", "broker-1"),
            ("10501334649042878790", "broker-2"),
        ]),
    );
    stage.all_say(HEALTH, &json!({"health": "true"}));
    stage
}

#[tokio::test]
async fn three_members_that_are_well_say_so() {
    let found = three().await.look().await;
    assert!(found.views.iter().all(|view| view.is_healthy == Fact::Yes));
    assert_eq!(
        found.views[0].lists.as_deref(),
        Some(["broker-0", "broker-1", "broker-2"].map(str::to_owned).as_slice())
    );
    assert_eq!((found.drained, found.done), (Fact::No, vec![Fact::No]));
    assert_eq!(found.trouble, Vec::<String>::new());
}

#[tokio::test]
async fn a_member_is_removed_by_the_number_that_a_survivor_knows_it_by() {
    let stage = three().await;
    stage.members[0].says_json(REMOVE, list(&[]));
    assert_eq!(stage.act(Effect::Drain(0)).await, Reply::Expected);
    let heard = stage.members[0].heard();
    let removal = heard.last().unwrap();
    assert_eq!(removal.line, "POST /v3/cluster/member/remove");
    assert_eq!(removal.body, r#"{"ID": "10501334649042878790"}"#);
    assert_eq!(removal.headers["content-type"], "application/json");
    assert_eq!(stage.leaver().heard_of("remove"), Vec::<String>::new());
}

#[tokio::test]
async fn a_removal_that_is_refused_is_unclear_for_it_may_have_been_done_before() {
    let stage = three().await;
    stage.members[0].says(
        REMOVE,
        Says::Json(404, json!({"error": "etcdserver: member not found", "code": 5})),
    );
    assert_eq!(stage.act(Effect::Drain(0)).await, Reply::Unclear);
    stage.members[0].says(
        REMOVE,
        Says::Json(503, json!({"error": "etcdserver: unhealthy cluster", "code": 14})),
    );
    assert_eq!(stage.act(Effect::Drain(0)).await, Reply::Unclear);
}

#[tokio::test]
async fn a_member_that_was_added_and_has_not_started_makes_the_list_unreadable() {
    let stage = three().await;
    let mut with_another = list(&[("1", "broker-0"), ("2", "broker-1"), ("3", "broker-2")]);
    with_another["members"]
        .as_array_mut()
        .unwrap()
        .push(json!({"ID": "4", "peerURLs": ["http://x"]}));
    stage.all_say(LIST, &with_another);
    let found = stage.look().await;
    assert!(found.views.iter().all(|view| view.lists.is_none()));
    assert_eq!(found.drained, Fact::Unknown);
}

#[tokio::test]
async fn without_a_quorum_nobody_is_well() {
    let stage = three().await;
    for member in &stage.members {
        member.says(HEALTH, Says::Json(503, json!({"health": "false"})));
    }
    assert!(
        stage
            .look()
            .await
            .views
            .iter()
            .all(|view| view.is_healthy == Fact::Unknown)
    );
}

#[tokio::test]
async fn a_removed_member_whose_process_has_ended_is_stopped() {
    let mut stage = three().await;
    stage.members[..2]
        .iter()
        .for_each(|survivor| survivor.says_json(LIST, list(&[("1", "broker-0"), ("2", "broker-1")])));
    stage.cluster.pods[2].ip = stage.cluster.pods[2].ip.map(crate::safety::next_to);
    stage.cluster.pods[2].containers[0].is_running = false;
    let found = stage.look().await;
    assert_eq!((found.drained, found.subject.is_stopped), (Fact::Yes, Fact::Yes));
}
